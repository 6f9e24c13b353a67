"""Calls in OS threads, while the hub goes on."""

import subprocess
import sys
import threading
import unittest

from greenhub import tpool
from greenhub.greenthread import GreenletExit, sleep, spawn
from greenhub.threadpool import ThreadPool
from greenhub.timeout import Timeout


class Oops(Exception):
    """Raised by the tests."""


def fail(error):
    raise error


class Pools(unittest.TestCase):
    def setUp(self):
        self.pool = ThreadPool(3)
        self.addCleanup(self.pool.close)

    def test_a_call_that_blocks_stops_its_caller_only(self):
        gate = threading.Event()

        def ticker():
            for _ in range(3):
                sleep(0.001)
            gate.set()

        spawn(ticker)
        self.assertTrue(self.pool.execute(gate.wait, 30))

    def test_it_runs_in_another_os_thread_and_returns_its_result(self):
        here, there = threading.get_native_id(), self.pool.execute(threading.get_native_id)
        self.assertNotEqual(here, there)
        self.assertEqual(self.pool.apply(abs, (-1,)), 1)

    def test_the_very_exception_is_raised(self):
        for error in (Oops(), SystemExit(3), StopIteration()):
            with self.assertRaises(type(error)) as caught:
                self.pool.execute(fail, error)
            self.assertIs(caught.exception, error)

    def test_as_many_calls_run_at_a_time_as_the_size_says(self):
        # Nobody passes before three are there.
        barrier = threading.Barrier(3)
        inside = []
        most = []

        def call():
            inside.append(None)
            most.append(len(inside))
            barrier.wait(30)
            inside.pop()

        for thread in [self.pool.spawn(call) for _ in range(9)]:
            thread.wait()
        self.assertEqual(max(most), 3)

    def test_idle_threads_are_used_again(self):
        idents = {self.pool.execute(threading.get_native_id) for _ in range(20)}
        self.assertEqual(len(idents), 1)

    def test_the_size_can_be_changed_either_way(self):
        barrier = threading.Barrier(5)
        self.pool.size = 5
        for thread in [self.pool.spawn(barrier.wait, 30) for _ in range(5)]:
            thread.wait()
        self.pool.size = 1
        most = []
        for thread in [self.pool.spawn(most.append, 1) for _ in range(5)]:
            thread.wait()
        self.assertIn("1 of 1 threads", repr(self.pool))
        with self.assertRaises(ValueError):
            self.pool.size = 0

    def test_a_closed_pool_starts_anew(self):
        self.pool.execute(abs, 1)
        self.pool.close()
        self.assertIn("0 of 3 threads", repr(self.pool))
        self.assertEqual(self.pool.execute(abs, -1), 1)

    def test_a_kill_frees_the_caller_at_once(self):
        gate = threading.Event()
        thread = self.pool.spawn(gate.wait, 30)
        sleep(0.01)
        thread.kill()
        with self.assertRaises(GreenletExit):
            thread.wait()
        gate.set()
        self.assertEqual(self.pool.execute(abs, -1), 1)

    def test_a_call_that_has_not_begun_is_not_made_for_one_killed(self):
        gate = threading.Event()
        said = []
        self.pool.size = 1
        first = self.pool.spawn(gate.wait, 30)
        second = self.pool.spawn(said.append, "called")
        third = self.pool.spawn(said.append, "third")
        sleep(0.01)
        second.kill()
        gate.set()
        first.wait()
        third.wait()
        self.assertEqual(said, ["third"])

    def test_maps_keep_the_order(self):
        self.assertEqual(list(self.pool.imap(abs, range(-10, 0))), list(range(10, 0, -1)))
        self.assertEqual(sorted(self.pool.imap_unordered(abs, range(5))), list(range(5)))

    def test_a_timeout_reaches_the_caller(self):
        gate = threading.Event()
        with self.assertRaises(Timeout):
            with Timeout(0.01):
                self.pool.execute(gate.wait, 30)
        gate.set()

    def test_many_callers_of_many_os_threads(self):
        results = []

        def main():
            for thread in [spawn(self.pool.execute, abs, -number) for number in range(30)]:
                results.append(thread.wait())

        os_threads = [threading.Thread(target=main) for _ in range(3)]
        for os_thread in os_threads:
            os_thread.start()
        main()
        for os_thread in os_threads:
            os_thread.join()
        self.assertEqual(sorted(results), sorted(list(range(30)) * 4))


class ThePool(unittest.TestCase):
    def test_execute_calls_in_an_os_thread_and_within_one_on_the_spot(self):
        def outer():
            return threading.get_native_id(), tpool.execute(threading.get_native_id)

        outside, inside = tpool.execute(outer)
        self.assertEqual(outside, inside)
        self.assertNotEqual(outside, threading.get_native_id())

    def test_no_threads_mean_calls_on_the_spot(self):
        tpool.set_num_threads(0)
        try:
            self.assertEqual(tpool.execute(threading.get_native_id), threading.get_native_id())
        finally:
            tpool.set_num_threads(20)
        with self.assertRaises(ValueError):
            tpool.set_num_threads(-1)

    def test_a_program_ends_although_its_threads_are_idle_or_busy(self):
        program = (
            "from greenhub import tpool, spawn, sleep\n"
            "import time\n"
            "tpool.execute(abs, -1)\n"
            "spawn(tpool.execute, time.sleep, 60)\n"
            "sleep(0.01)\n"
            "print('end')\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            timeout=30,
            check=True,
        )
        self.assertEqual(result.stdout, b"end\n")


class Thing:
    """Says where it is called."""

    def __init__(self):
        self.items = [3, 1, 2]
        self.word = "word"

    def where(self):
        return threading.get_native_id()

    def child(self):
        return Thing()

    def __call__(self):
        return threading.get_native_id()

    def __getitem__(self, index):
        return self.items[index], threading.get_native_id()

    def __setitem__(self, index, value):
        self.items[index] = value

    def __delitem__(self, index):
        del self.items[index]

    def __contains__(self, item):
        return item in self.items

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.word = "left"


class Proxies(unittest.TestCase):
    def setUp(self):
        self.thing = Thing()
        self.proxy = tpool.Proxy(self.thing)
        self.here = threading.get_native_id()

    def test_methods_are_called_in_an_os_thread(self):
        self.assertNotEqual(self.proxy.where(), self.here)
        self.assertNotEqual(self.proxy(), self.here)
        self.assertEqual(self.proxy.where(nonblocking=True), self.here)

    def test_attributes_are_those_of_the_thing(self):
        self.assertEqual(self.proxy.word, "word")
        self.proxy.word = "new"
        self.assertEqual(self.thing.word, "new")
        del self.proxy.word
        with self.assertRaises(AttributeError):
            _ = self.proxy.word

    def test_it_stands_for_the_thing(self):
        self.assertEqual(self.proxy, self.thing)
        self.assertEqual(self.proxy, tpool.Proxy(self.thing))
        self.assertEqual(hash(self.proxy), hash(self.thing))
        self.assertEqual((repr(self.proxy), str(self.proxy)), (repr(self.thing), str(self.thing)))
        self.assertEqual(len(self.proxy), 3)
        self.assertTrue(self.proxy)
        self.assertFalse(tpool.Proxy([]))

    def test_items_and_iteration(self):
        item, where = self.proxy[0]
        self.assertEqual(item, 3)
        self.assertNotEqual(where, self.here)
        self.proxy[0] = 5
        del self.proxy[1]
        self.assertIn(5, self.proxy)
        self.assertEqual(list(self.proxy), [5, 2])

    def test_it_is_a_context_manager_if_the_thing_is(self):
        with self.proxy as entered:
            self.assertIs(entered, self.proxy)
        self.assertEqual(self.thing.word, "left")

    def test_results_are_wrapped_as_asked(self):
        self.assertNotIsInstance(self.proxy.child(), tpool.Proxy)
        by_type = tpool.Proxy(self.thing, autowrap=(Thing,))
        self.assertIsInstance(by_type.child(), tpool.Proxy)
        self.assertIsInstance(by_type.child().child(), tpool.Proxy)
        by_name = tpool.Proxy(self.thing, autowrap_names=("child", "items"))
        self.assertIsInstance(by_name.child(), tpool.Proxy)
        self.assertIsInstance(by_name.items, tpool.Proxy)


if __name__ == "__main__":
    unittest.main()
