"""urllib3 over TLS, with a certificate that it checks."""

from __future__ import annotations

import time
import unittest
from typing import Any

import slow_calls
import web
from slow_calls import Ticker, cut_short, driver, together

urllib3 = driver("urllib3")


class Client:
    """A pool with connections for one server."""

    def __init__(self, address: str, connections: int = 1, **options: Any) -> None:
        url, certificate = address.split()
        self.pool = urllib3.connection_from_url(
            url, ca_certs=certificate, maxsize=connections, retries=False, **options
        )

    def get(self, path: str, **options: Any) -> Any:
        return self.pool.request("GET", path, **options)

    def close(self) -> None:
        self.pool.close()


def connect(address: str) -> Client:
    client = Client(address)
    assert client.get("/large/1").data == b"x"
    return client


def slow(client: Client, seconds: float) -> None:
    assert client.get("/slow/%s" % seconds).data == b"slow"


class Urllib3(slow_calls.SlowCalls):
    server: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = web.shared()
        cls.address = cls.server.secure_address

    def test_fifty_handshakes_go_on_at_once(self) -> None:
        def fetch() -> bytes:
            client = Client(self.address)
            data: bytes = client.get("/slow/0.3").data
            client.close()
            return data

        begin = time.monotonic()
        self.assertEqual(together(50, fetch), [b"slow"] * 50)
        # The server computes for each of them, so that only the sum of the pauses is out of reach.
        self.assertLess(time.monotonic() - begin, 50 * 0.3)

    def test_one_pool_of_connections_serves_many_threads(self) -> None:
        client = Client(self.address, 4, block=True)
        begin = time.monotonic()
        together(12, slow, client, 0.1)
        self.assertGreaterEqual(time.monotonic() - begin, 3 * 0.1)
        self.assertEqual(client.pool.num_connections, 4)
        client.close()

    def test_a_wrong_certificate_is_refused(self) -> None:
        client = Client("%s %s" % (self.address.split()[0], self.server.another_certificate()))
        with self.assertRaises(urllib3.exceptions.SSLError):
            client.get("/large/1")
        client.close()

    def test_its_own_time_limit_is_kept(self) -> None:
        client = connect(self.address)
        with self.assertRaises(urllib3.exceptions.ReadTimeoutError):
            client.get("/slow/30", timeout=0.1)
        slow(client, 0.01)
        client.close()

    def test_a_timeout_ends_a_request(self) -> None:
        def request() -> None:
            client = connect(self.address)
            cut_short(slow, client)
            slow(client, 0.01)
            client.close()

        together(5, request)

    def test_a_server_that_breaks_off_is_an_error_for_each_caller(self) -> None:
        def request() -> None:
            client = connect(self.address)
            with self.assertRaises(urllib3.exceptions.HTTPError):
                client.get("/break/0.1")
            slow(client, 0.01)
            client.close()

        together(10, request)

    def test_others_run_while_a_large_answer_is_streamed(self) -> None:
        client = connect(self.address)
        with Ticker() as ticker:
            answer = client.get("/stream/20/200000/0.005", preload_content=False)
            size = sum(len(piece) for piece in answer.stream(65536))
            answer.release_conn()
        self.assertEqual(size, 20 * 200_000)
        self.assertGreaterEqual(ticker.ticks, 20)
        client.close()


if __name__ == "__main__":
    unittest.main()
