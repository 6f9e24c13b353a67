"""PyMySQL, which is Python alone, against a real MariaDB."""

from __future__ import annotations

import unittest
from typing import Any

import mariadb
import sql_driver
from slow_calls import Ticker, driver

pymysql = driver("pymysql")
driver("pymysql.cursors")


def connect(address: str) -> Any:
    # Without TLS, whose certificates each connection would read anew.
    return pymysql.connect(
        host="127.0.0.1", port=int(address), user="root", database="test", ssl_disabled=True
    )


def slow(connection: Any, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select sleep(%s)", (seconds,))


class PyMySQL(sql_driver.SqlDriver):
    error = pymysql.Error
    sleep = "select sleep(%s)"
    large = "select repeat('x', 1000) from seq_1_to_4000 where seq % 1000 > 0 or sleep(0.02) = 0"

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = mariadb.shared()
        cls.address = cls.server.address

    def test_an_unbuffered_cursor_gives_its_rows_as_they_come(self) -> None:
        connection = connect(self.address)
        with connection.cursor(pymysql.cursors.SSCursor) as cursor, Ticker() as ticker:
            cursor.execute(self.large)
            count = sum(len(row[0]) == 1000 for row in cursor)
        self.assertEqual(count, 4000)
        self.assertGreaterEqual(ticker.ticks, 3)
        connection.close()


if __name__ == "__main__":
    unittest.main()
