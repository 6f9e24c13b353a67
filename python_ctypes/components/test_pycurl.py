"""pycurl with the libcurl of its wheel, over HTTP and over TLS."""

from __future__ import annotations

import time
import unittest
from typing import Any, Callable

import greenhub
import slow_calls
import web
from slow_calls import Ticker, driver, together

pycurl = driver("pycurl")


class Client:
    def __init__(self, address: str) -> None:
        self.url, certificate = address.split()
        self.curl = pycurl.Curl()
        self.curl.setopt(pycurl.CAINFO, certificate)
        self.curl.setopt(pycurl.NOPROXY, "*")

    def get(self, path: str, take: Callable[[bytes], object] | None = None) -> bytes:
        taken: list[bytes] = []
        self.curl.setopt(pycurl.URL, self.url + path)
        self.curl.setopt(pycurl.WRITEFUNCTION, take or taken.append)
        self.curl.perform()
        return b"".join(taken)

    def close(self) -> None:
        self.curl.close()


def connect(address: str) -> Client:
    client = Client(address)
    assert client.get("/large/1") == b"x"
    return client


def slow(client: Client, seconds: float) -> None:
    assert client.get("/slow/%s" % seconds) == b"slow"


class OverTls(slow_calls.SlowCalls):
    server: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = web.shared()
        cls.address = cls.secure_or_plain()

    @classmethod
    def secure_or_plain(cls) -> str:
        address: str = cls.server.secure_address
        return address

    def test_others_run_while_a_large_answer_comes(self) -> None:
        client = connect(self.address)
        with Ticker() as ticker:
            size = len(client.get("/stream/20/200000/0.005"))
        self.assertEqual(size, 20 * 200_000)
        self.assertGreaterEqual(ticker.ticks, 20)
        client.close()

    def test_a_function_that_libcurl_calls_may_wait(self) -> None:
        def fetch() -> int:
            pieces = []

            def take(piece: bytes) -> None:
                greenhub.sleep(0.001)
                time.sleep(0.001)
                pieces.append(len(piece))

            client = connect(self.address)
            client.get("/large/300000", take)
            client.close()
            return sum(pieces)

        self.assertEqual(together(10, fetch), [300_000] * 10)

    def test_a_timeout_ends_a_request(self) -> None:
        # Older ones take no notice of a wait that fails: their request comes to its end.
        heeds = tuple(map(int, pycurl.version_info()[1].split(".")[:2])) >= (8, 0)

        def request() -> None:
            client = connect(self.address)
            begin = time.monotonic()
            caught = None
            try:
                with greenhub.Timeout(0.1) as timeout:
                    slow(client, 30 if heeds else 0.5)
            except greenhub.Timeout as error:
                caught = error
            took = time.monotonic() - begin
            if heeds:
                assert caught is timeout and 0.1 <= took < 5, (caught, took)
            else:
                assert caught is None and took >= 0.5, (caught, took)
            slow(client, 0.01)
            client.close()

        together(5, request)

    def test_a_server_that_breaks_off_is_an_error_for_each_caller(self) -> None:
        def request() -> None:
            client = connect(self.address)
            with self.assertRaises(pycurl.error):
                client.get("/break/0.1")
            slow(client, 0.01)
            client.close()

        together(10, request)

    def test_a_multi_handle_is_driven_in_one_of_many_threads(self) -> None:
        def fetch() -> int:
            taken: list[bytes] = []
            multi = pycurl.CurlMulti()
            clients = [Client(self.address) for _ in range(3)]
            for client in clients:
                client.curl.setopt(pycurl.URL, client.url + "/slow/0.1")
                client.curl.setopt(pycurl.WRITEFUNCTION, taken.append)
                multi.add_handle(client.curl)
            running = 1
            while running:
                _, running = multi.perform()
                multi.select(1.0)
            for client in clients:
                multi.remove_handle(client.curl)
                client.close()
            multi.close()
            return len(taken)

        with Ticker() as ticker:
            self.assertEqual(together(5, fetch), [3] * 5)
        self.assertGreaterEqual(ticker.ticks, 5)


class OverHttp(OverTls):
    @classmethod
    def secure_or_plain(cls) -> str:
        address: str = cls.server.plain_address
        return address


if __name__ == "__main__":
    unittest.main()
