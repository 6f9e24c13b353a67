"""What every SQL driver does in green threads. Subclasses say which driver, and in what words."""

from __future__ import annotations

import queue
import sys
import time
from typing import Any

import greenhub
from slow_calls import SlowCalls, Ticker, together

__all__ = ["SqlDriver"]

_ENDS_WITHIN = 20.0


class SqlDriver(SlowCalls):
    #: The class of the driver's errors.
    error: Any
    #: A query that takes so many seconds.
    sleep: str
    #: 4000 rows of 1000 bytes, with a pause of 20 ms at each thousand.
    large: str
    server: Any

    def connect(self) -> Any:
        return sys.modules[type(self).__module__].connect(self.address)

    def one(self, connection: Any, query: str, *arguments: object) -> Any:
        cursor = connection.cursor()
        try:
            cursor.execute(query, arguments)
            return cursor.fetchone()[0]
        finally:
            cursor.close()

    def test_an_error_in_a_transaction_is_rolled_back_and_the_connection_goes_on(self) -> None:
        def fails(number: int) -> int:
            connection = self.connect()
            cursor = connection.cursor()
            cursor.execute("create temporary table notes (number int)")
            connection.commit()
            cursor.execute("insert into notes values (1)")
            with self.assertRaises(self.error):
                cursor.execute("select * from nowhere")
            connection.rollback()
            cursor.execute("insert into notes values (%s)", (number,))
            connection.commit()
            cursor.close()
            found = int(self.one(connection, "select sum(number) from notes"))
            connection.close()
            return found

        threads = [greenhub.spawn(fails, 10 + number) for number in range(8)]
        self.assertEqual([thread.wait() for thread in threads], list(range(10, 18)))

    def test_a_timeout_ends_a_slow_query_and_the_connection_is_closed(self) -> None:
        def slow() -> float:
            connection = self.connect()
            begin = time.monotonic()
            try:
                with greenhub.Timeout(0.1) as timeout:
                    self.one(connection, self.sleep, 30)
                raise AssertionError("it did not wait")
            except greenhub.Timeout as caught:
                assert caught is timeout, (caught, timeout)
            took = time.monotonic() - begin
            connection.close()
            return took

        for took in together(5, slow):
            self.assertGreaterEqual(took, 0.1)
            self.assertLess(took, 5)
        # Who comes afterwards is served as before.
        connection = self.connect()
        self.assertEqual(self.one(connection, "select %s + 1", 1), 2)
        connection.close()

    def test_who_waits_for_a_killed_query_gets_what_it_was_killed_with(self) -> None:
        connection = self.connect()
        thread = greenhub.spawn(self.one, connection, self.sleep, 30)
        greenhub.sleep(0.05)
        error = KeyError("killed")
        thread.kill(error)
        with self.assertRaises(KeyError) as caught:
            thread.wait()
        self.assertIs(caught.exception, error)
        connection.close()

    def test_a_server_that_is_killed_gives_each_query_its_error(self) -> None:
        connections = [self.connect() for _ in range(10)]
        threads = [greenhub.spawn(self.one, each, self.sleep, 30) for each in connections]
        greenhub.sleep(0.2)
        self.assertFalse(any(thread.dead for thread in threads))
        try:
            begin = time.monotonic()
            self.server.kill()
            for thread in threads:
                with self.assertRaises(self.error):
                    thread.wait()
            self.assertLess(time.monotonic() - begin, _ENDS_WITHIN)
        finally:
            self.server.run()
            type(self).address = self.server.address
        for connection in connections:
            try:
                connection.close()
            except self.error:
                pass
        connection = self.connect()
        self.assertEqual(self.one(connection, "select %s + 1", 1), 2)
        connection.close()

    def test_many_threads_share_a_queue_of_connections(self) -> None:
        shared: queue.Queue[Any] = queue.Queue()
        for _ in range(4):
            shared.put(self.connect())
        busy = most = 0

        def works(number: int) -> int:
            nonlocal busy, most
            found = 0
            for _ in range(5):
                connection = shared.get()
                busy += 1
                most = max(most, busy)
                found += int(self.one(connection, "select %s + 1", number))
                busy -= 1
                shared.put(connection)
            return found

        threads = [greenhub.spawn(works, number) for number in range(40)]
        self.assertEqual(
            [thread.wait() for thread in threads], [5 * (number + 1) for number in range(40)]
        )
        self.assertEqual(most, 4)
        while not shared.empty():
            shared.get().close()

    def test_others_run_while_a_large_result_is_fetched(self) -> None:
        connection = self.connect()
        cursor = connection.cursor()
        with Ticker() as ticker:
            cursor.execute(self.large)
            rows = cursor.fetchall()
        self.assertEqual((len(rows), sum(len(row[0]) for row in rows)), (4000, 4_000_000))
        self.assertGreaterEqual(ticker.ticks, 5)
        cursor.close()
        connection.close()
