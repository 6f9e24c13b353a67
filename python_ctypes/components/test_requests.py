"""requests over TLS, with a certificate that it checks."""

from __future__ import annotations

import time
import unittest
from typing import Any

import greenhub
import slow_calls
import web
from slow_calls import Ticker, cut_short, driver, together

requests = driver("requests")
driver("requests.adapters")


class Client:
    """A session with one server."""

    def __init__(self, address: str, connections: int = 1) -> None:
        self.url, certificate = address.split()
        self.session = requests.Session()
        self.session.verify = certificate
        # Proxies that the environment names are none of the tests' business.
        self.session.trust_env = False
        self.session.mount(
            "https://",
            requests.adapters.HTTPAdapter(pool_maxsize=connections, pool_block=True),
        )

    def get(self, path: str, **options: Any) -> Any:
        return self.session.get(self.url + path, **options)

    def close(self) -> None:
        self.session.close()


def connect(address: str) -> Client:
    client = Client(address)
    assert client.get("/large/1").text == "x"
    return client


def slow(client: Client, seconds: float) -> None:
    assert client.get("/slow/%s" % seconds).text == "slow"


class Requests(slow_calls.SlowCalls):
    server: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = web.shared()
        cls.address = cls.server.secure_address

    def test_one_session_serves_many_threads(self) -> None:
        client = Client(self.address, 4)
        begin = time.monotonic()
        together(12, slow, client, 0.1)
        # Four at a time.
        self.assertGreaterEqual(time.monotonic() - begin, 3 * 0.1)
        client.close()

    def test_what_is_sent_comes_back(self) -> None:
        client = Client(self.address, 8)

        def echo(number: int) -> None:
            body = b"%d " % number * 20_000
            assert client.session.post(client.url + "/echo", data=body).content == body

        for thread in [greenhub.spawn(echo, number) for number in range(20)]:
            thread.wait()
        client.close()

    def test_a_download_is_streamed_while_others_run(self) -> None:
        client = connect(self.address)
        with Ticker() as ticker:
            with client.get("/stream/20/200000/0.005", stream=True) as answer:
                size = sum(len(piece) for piece in answer.iter_content(65536))
        self.assertEqual(size, 20 * 200_000)
        self.assertGreaterEqual(ticker.ticks, 20)
        client.close()

    def test_errors_of_the_server_are_its_callers(self) -> None:
        client = connect(self.address)
        with self.assertRaises(requests.HTTPError):
            client.get("/error").raise_for_status()
        with self.assertRaises(requests.ConnectionError):
            client.get("/break/0.01")
        with self.assertRaises(requests.ReadTimeout):
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

    def test_a_server_that_is_killed_gives_each_caller_its_error(self) -> None:
        clients = [connect(self.address) for _ in range(10)]
        threads = [greenhub.spawn(slow, client, 30) for client in clients]
        greenhub.sleep(0.1)
        self.assertFalse(any(thread.dead for thread in threads))
        try:
            self.server.kill()
            for thread in threads:
                with self.assertRaises(requests.ConnectionError):
                    thread.wait()
        finally:
            self.server.run()
            type(self).address = self.server.secure_address
        for client in clients:
            client.close()


if __name__ == "__main__":
    unittest.main()
