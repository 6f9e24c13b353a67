"""psycopg2 as its wheel has it, against a real PostgreSQL."""

from __future__ import annotations

import io
import select
import unittest
from typing import Any

import greenhub
import postgres
import sql_driver
from slow_calls import Ticker, driver

psycopg2 = driver("psycopg2")


def connect(address: str) -> Any:
    return psycopg2.connect(address)


def slow(connection: Any, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(postgres.SLEEP, (seconds,))


class Psycopg2(sql_driver.SqlDriver):
    error = psycopg2.Error
    sleep = postgres.SLEEP
    large = postgres.LARGE

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = postgres.shared()
        cls.address = cls.server.address

    def test_it_waits_on_unix_sockets_as_well(self) -> None:
        connections = [connect(self.server.socket_address) for _ in range(3)]
        with Ticker() as ticker:
            threads = [greenhub.spawn(slow, each, 0.1) for each in connections]
            for thread in threads:
                thread.wait()
        self.assertGreaterEqual(ticker.ticks, 5)
        for connection in connections:
            connection.close()

    def test_a_cursor_of_the_servers_gives_its_rows_in_pieces(self) -> None:
        connection = connect(self.address)
        with connection.cursor("named") as cursor, Ticker() as ticker:
            cursor.itersize = 100
            cursor.execute(self.large)
            count = sum(len(row[0]) == 1000 for row in cursor)
        self.assertEqual(count, 4000)
        self.assertGreaterEqual(ticker.ticks, 3)
        connection.close()

    def test_copies_in_and_out_pass_through(self) -> None:
        connection = connect(self.address)
        lines = "".join("%d\t%s\n" % (number, "x" * 1000) for number in range(2000))
        with connection.cursor() as cursor:
            cursor.execute("create temporary table copied (number int, text text)")
            cursor.copy_from(io.StringIO(lines), "copied")
            out = io.StringIO()
            cursor.copy_to(out, "copied")
        self.assertEqual(out.getvalue(), lines)
        connection.close()

    def test_a_notification_wakes_who_selects_on_the_connection(self) -> None:
        listening, speaking = connect(self.address), connect(self.address)
        listening.autocommit = speaking.autocommit = True
        with listening.cursor() as cursor:
            cursor.execute("listen news")

        def hears() -> str:
            while not listening.notifies:
                select.select([listening], [], [])
                listening.poll()
            payload: str = listening.notifies.pop().payload
            return payload

        thread = greenhub.spawn(hears)
        greenhub.sleep(0.02)
        self.assertFalse(thread.dead)
        with speaking.cursor() as cursor:
            cursor.execute("notify news, 'hello'")
        self.assertEqual(thread.wait(), "hello")
        listening.close()
        speaking.close()


if __name__ == "__main__":
    unittest.main()
