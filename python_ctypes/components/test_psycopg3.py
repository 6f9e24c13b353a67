"""psycopg 3 with the C part of its wheel, against a real PostgreSQL."""

from __future__ import annotations

import logging
import unittest
from typing import Any

import greenhub
import postgres
import sql_driver
from slow_calls import driver

psycopg = driver("psycopg")


def connect(address: str) -> Any:
    return psycopg.connect(address)


def slow(connection: Any, seconds: float) -> None:
    connection.execute(postgres.SLEEP, (seconds,))


class Psycopg3(sql_driver.SqlDriver):
    error = psycopg.Error
    sleep = postgres.SLEEP
    large = postgres.LARGE

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = postgres.shared()
        cls.address = cls.server.address
        # It warns of connections that are closed in the middle of something, which is a test.
        logging.getLogger("psycopg").setLevel(logging.ERROR)

    def test_it_is_the_c_part_that_waits(self) -> None:
        self.assertEqual(psycopg.pq.__impl__, "binary")

    def test_a_pipeline_sends_without_waiting_for_each_answer(self) -> None:
        def pipes(number: int) -> int:
            with psycopg.connect(self.address) as connection:
                with connection.pipeline():
                    cursors = [connection.execute("select %s::int", (each,)) for each in range(50)]
                return number + sum(int(cursor.fetchone()[0]) for cursor in cursors)

        threads = [greenhub.spawn(pipes, number) for number in range(5)]
        self.assertEqual([thread.wait() for thread in threads], [1225 + n for n in range(5)])

    def test_copies_in_and_out_pass_through(self) -> None:
        row = (1, "x" * 1000)
        with psycopg.connect(self.address) as connection:
            connection.execute("create temporary table copied (number int, text text)")
            with connection.cursor() as cursor:
                with cursor.copy("copy copied from stdin") as copy:
                    for _ in range(2000):
                        copy.write_row(row)
                with cursor.copy("copy copied to stdout") as copy:
                    size = sum(len(piece) for piece in copy)
        self.assertEqual(size, 2000 * 1003)

    def test_a_notification_wakes_who_waits_for_it(self) -> None:
        listening = psycopg.connect(self.address, autocommit=True)
        listening.execute("listen news")
        thread = greenhub.spawn(lambda: next(listening.notifies()).payload)
        greenhub.sleep(0.02)
        self.assertFalse(thread.dead)
        with psycopg.connect(self.address, autocommit=True) as speaking:
            speaking.execute("notify news, 'hello'")
        self.assertEqual(thread.wait(), "hello")
        listening.close()


if __name__ == "__main__":
    unittest.main()
