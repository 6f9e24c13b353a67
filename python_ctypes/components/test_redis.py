"""redis-py against a real Redis."""

from __future__ import annotations

import time
import unittest
from typing import Any

import greenhub
import redis_server
import slow_calls
from slow_calls import Ticker, driver, together

redis = driver("redis")
driver("redis.backoff")
driver("redis.retry")


def connect(address: str) -> Any:
    # An error is to come at once, and not after it has tried to connect for ten seconds.
    never = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    client = redis.Redis(port=int(address), decode_responses=True, retry=never)
    client.ping()
    return client


def slow(client: Any, seconds: float) -> None:
    # Nobody ever puts anything there.
    assert client.blpop("nowhere", timeout=seconds) is None


class Redis(slow_calls.SlowCalls):
    server: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = redis_server.shared()
        cls.address = cls.server.address

    def test_a_blocked_pop_gets_what_another_thread_pushes(self) -> None:
        popping = [connect(self.address) for _ in range(10)]
        threads = [greenhub.spawn(each.blpop, "items", 30) for each in popping]
        greenhub.sleep(0.05)
        pushing = connect(self.address)
        pushing.rpush("items", *range(10))
        # In the order in which they came.
        self.assertEqual([thread.wait()[1] for thread in threads], [str(n) for n in range(10)])
        for client in [pushing, *popping]:
            client.close()

    def test_subscribers_hear_what_is_published(self) -> None:
        def hears() -> list[str]:
            client = connect(self.address)
            with client.pubsub(ignore_subscribe_messages=True) as channel:
                channel.subscribe("news")
                subscribed.append(channel)
                heard = []
                for message in channel.listen():
                    if message is None:
                        continue
                    heard.append(message["data"])
                    if heard[-1] == "end":
                        break
            client.close()
            return heard

        subscribed: list[Any] = []
        threads = [greenhub.spawn(hears) for _ in range(10)]
        client = connect(self.address)
        while dict(client.pubsub_numsub("news"))["news"] < 10:
            greenhub.sleep(0.01)
        words = [str(number) for number in range(100)] + ["end"]
        for word in words:
            self.assertEqual(client.publish("news", word), 10)
        for thread in threads:
            self.assertEqual(thread.wait(), words)
        client.close()

    def test_pipelines_and_transactions_of_many_threads_do_not_mix(self) -> None:
        client = connect(self.address)

        def counts(number: int) -> list[int]:
            mine: list[int] = []
            for _ in range(5):
                with client.pipeline(transaction=True) as pipe:
                    for _ in range(20):
                        pipe.incr("counter-%d" % number)
                    mine += pipe.execute()
            return mine

        threads = [greenhub.spawn(counts, number) for number in range(20)]
        for thread in threads:
            self.assertEqual(thread.wait(), list(range(1, 101)))
        client.close()

    def test_one_blocking_pool_serves_many_threads(self) -> None:
        pool = redis.BlockingConnectionPool(port=int(self.address), max_connections=4, timeout=30)
        client = redis.Redis(connection_pool=pool)
        begin = time.monotonic()
        together(12, slow, client, 0.1)
        # Four at a time.
        self.assertGreaterEqual(time.monotonic() - begin, 3 * 0.1)
        client.close()
        pool.disconnect()

    def test_a_wrong_command_fails_and_the_connection_goes_on(self) -> None:
        client = connect(self.address)
        client.set("word", "text")
        with self.assertRaises(redis.ResponseError):
            client.incr("word")
        with client.pipeline() as pipe:
            pipe.incr("word").get("word")
            with self.assertRaises(redis.ResponseError):
                pipe.execute()
        self.assertEqual(client.get("word"), "text")
        client.close()

    def test_a_timeout_ends_a_blocked_pop_and_the_client_goes_on(self) -> None:
        def pops() -> Any:
            client = connect(self.address)
            begin = time.monotonic()
            try:
                with greenhub.Timeout(0.1) as timeout:
                    client.blpop("nowhere", 30)
                raise AssertionError("it did not wait")
            except greenhub.Timeout as caught:
                assert caught is timeout
            assert 0.1 <= time.monotonic() - begin < 5
            # The client has dropped the connection on which an answer is owing.
            answer = client.echo("hello")
            client.close()
            return answer

        self.assertEqual(together(10, pops), ["hello"] * 10)

    def test_a_server_that_is_killed_gives_each_caller_its_error(self) -> None:
        clients = [connect(self.address) for _ in range(10)]
        threads = [greenhub.spawn(client.blpop, "nowhere", 30) for client in clients]
        greenhub.sleep(0.1)
        self.assertFalse(any(thread.dead for thread in threads))
        try:
            self.server.kill()
            for thread in threads:
                with self.assertRaises(redis.ConnectionError):
                    thread.wait()
        finally:
            self.server.run()
            type(self).address = self.server.address
        for client in clients:
            client.close()
        client = connect(self.address)
        self.assertEqual(client.echo("hello"), "hello")
        client.close()

    def test_others_run_while_a_large_value_comes(self) -> None:
        client = connect(self.address)
        with Ticker() as ticker:
            client.set("large", "x" * 8_000_000)
            size = len(client.get("large"))
        self.assertEqual(size, 8_000_000)
        self.assertGreaterEqual(ticker.ticks, 1)
        client.close()


if __name__ == "__main__":
    unittest.main()
