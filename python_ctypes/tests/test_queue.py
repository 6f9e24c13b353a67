"""Queues: order, limits, fairness, and that nothing is lost with those who leave."""

import threading
import unittest

from greenhub.greenthread import sleep, spawn
from greenhub.queue import Empty, Full, LifoQueue, LightQueue, PriorityQueue, Queue
from greenhub.timeout import Timeout


class Passing(unittest.TestCase):
    def test_items_come_out_in_the_order_of_each_kind(self):
        for kind, expected in (
            (LightQueue, [2, 3, 1]),
            (Queue, [2, 3, 1]),
            (LifoQueue, [1, 3, 2]),
            (PriorityQueue, [1, 2, 3]),
        ):
            queue = kind()
            for item in (2, 3, 1):
                queue.put(item)
            self.assertEqual(queue.qsize(), 3)
            self.assertEqual([queue.get() for _ in range(3)], expected)
            self.assertTrue(queue.empty())

    def test_get_waits_for_put(self):
        queue = Queue()
        getter = spawn(queue.get)
        sleep(0)
        self.assertEqual(queue.getting(), 1)
        queue.put("item")
        self.assertEqual(getter.wait(), "item")
        self.assertEqual(queue.getting(), 0)

    def test_put_waits_for_room(self):
        queue = Queue(1)
        queue.put(1)
        self.assertTrue(queue.full())
        putter = spawn(queue.put, 2)
        sleep(0)
        self.assertEqual(queue.putting(), 1)
        self.assertEqual(queue.get(), 1)
        putter.wait()
        self.assertEqual(queue.get(), 2)

    def test_nothing_waits_that_is_not_to_block(self):
        queue = Queue(1)
        with self.assertRaises(Empty):
            queue.get_nowait()
        queue.put_nowait(1)
        with self.assertRaises(Full):
            queue.put_nowait(2)
        self.assertEqual(queue.get(block=False), 1)

    def test_getters_and_putters_are_served_in_the_order_in_which_they_came(self):
        queue = Queue()
        said = []

        def getter(number):
            said.append((number, queue.get()))

        for number in range(12):
            spawn(getter, number)
        sleep(0)
        for number in range(12):
            queue.put(number)
        sleep(0)
        self.assertEqual(said, [(number, number) for number in range(12)])
        queue.resize(0)
        for number in range(12):
            spawn(queue.put, number)
        sleep(0)
        self.assertEqual([queue.get() for _ in range(12)], list(range(12)))

    def test_a_queue_can_be_subscripted(self):
        queue: Queue[int] = Queue[int]()
        queue.put(1)
        self.assertEqual(queue.get(), 1)


class Limits(unittest.TestCase):
    def test_none_and_negative_mean_no_limit(self):
        for maxsize in (None, -1):
            queue = Queue(maxsize)
            for item in range(100):
                queue.put_nowait(item)
            self.assertFalse(queue.full())

    def test_size_zero_is_a_rendezvous(self):
        queue = LightQueue(0)
        self.assertTrue(queue.empty() and queue.full())
        with self.assertRaises(Full):
            queue.put_nowait(1)
        getter = spawn(queue.get)
        sleep(0)
        queue.put_nowait(1)
        self.assertEqual(getter.wait(), 1)
        putter = spawn(queue.put, 2)
        sleep(0)
        self.assertFalse(putter.dead)
        self.assertEqual(queue.get_nowait(), 2)
        putter.wait()
        self.assertTrue(queue.empty())

    def test_at_a_rendezvous_the_getter_goes_first(self):
        queue = Queue(0)
        said = []

        def getter():
            for _ in range(2):
                said.append("got %s" % queue.get())

        spawn(getter)
        for word in ("one", "two"):
            queue.put(word)
            said.append("put " + word)
        self.assertEqual(said, ["got one", "put one", "got two", "put two"])

    def test_a_larger_limit_lets_putters_in(self):
        queue = Queue(1)
        putters = [spawn(queue.put, number) for number in range(3)]
        sleep(0)
        self.assertEqual(queue.putting(), 2)
        queue.resize(None)
        for putter in putters:
            putter.wait()
        self.assertEqual([queue.get() for _ in range(3)], [0, 1, 2])


class Leaving(unittest.TestCase):
    def test_whoever_waits_too_long_leaves_nothing_behind(self):
        queue = Queue(1)
        for timeout in (0.01, 0, -1):
            with self.assertRaises(Empty):
                queue.get(timeout=timeout)
        queue.put(1)
        for timeout in (0.01, 0, -1):
            with self.assertRaises(Full):
                queue.put(2, timeout=timeout)
        with Timeout(0.01, False):
            queue.put(3)
        self.assertEqual(queue.putting() + queue.getting(), 0)
        self.assertEqual(queue.get(), 1)
        self.assertTrue(queue.empty())

    def test_an_item_handed_to_one_killed_in_the_same_moment_goes_to_the_next(self):
        for kind in (LightQueue, Queue, LifoQueue, PriorityQueue):
            queue = kind()
            first, second = spawn(queue.get), spawn(queue.get)
            sleep(0)
            queue.put(1)
            first.kill()
            queue.put(2)
            self.assertEqual(second.wait(), 1)
            self.assertEqual(queue.get(), 2)

    def test_an_item_that_comes_back_is_first_again(self):
        for kind in (LightQueue, LifoQueue, PriorityQueue):
            queue = kind()
            getter = spawn(queue.get)
            sleep(0)
            queue.put(1)
            getter.kill()
            self.assertEqual(queue.get_nowait(), 1)

    def test_a_killed_putter_has_not_put(self):
        queue = Queue(1)
        queue.put(1)
        putter = spawn(queue.put, 2)
        sleep(0)
        putter.kill()
        self.assertEqual(queue.get(), 1)
        self.assertTrue(queue.empty())
        self.assertEqual(queue.unfinished_tasks, 1)


class Joining(unittest.TestCase):
    def test_join_waits_until_every_item_is_dealt_with(self):
        queue = Queue()
        said = []

        def worker():
            for _ in range(3):
                said.append(queue.get())
                sleep(0.001)
                queue.task_done()

        for number in range(3):
            queue.put(number)
        self.assertEqual(queue.unfinished_tasks, 3)
        thread = spawn(worker)
        self.assertFalse(queue.join(timeout=0))
        self.assertTrue(queue.join())
        self.assertEqual(said, [0, 1, 2])
        thread.wait()
        self.assertTrue(queue.join())

    def test_everybody_who_joins_is_woken(self):
        queue = Queue()
        queue.put(1)
        joiners = [spawn(queue.join) for _ in range(3)]
        sleep(0)
        joiners[0].kill()
        queue.get()
        queue.task_done()
        self.assertTrue(joiners[1].wait() and joiners[2].wait())

    def test_task_done_too_often_is_an_error(self):
        queue = Queue()
        with self.assertRaises(ValueError):
            queue.task_done()
        queue.put(1)
        queue.task_done()
        with self.assertRaises(ValueError):
            queue.task_done()


class Orders(unittest.TestCase):
    def test_items_that_cannot_be_compared_trouble_only_who_puts_them(self):
        queue = PriorityQueue(1)
        queue.put(1)
        putter = spawn(queue.put, "text")
        other = spawn(queue.put, 2)
        sleep(0)
        queue.resize(None)
        with self.assertRaises(TypeError):
            putter.wait()
        other.wait()
        self.assertEqual([queue.get(), queue.get()], [1, 2])

    def test_a_subclass_may_have_an_order_of_its_own(self):
        class Uniques(Queue):
            def _init(self, maxsize):
                self.queue = {}

            def _put(self, item):
                self.queue[item] = None

            def _get(self):
                return self.queue.popitem()[0]

        queue = Uniques()
        getter = spawn(queue.get)
        sleep(0)
        queue.put(1)
        getter.kill()
        queue.put(1)
        self.assertEqual(queue.get(), 1)
        self.assertTrue(queue.empty())

    def test_a_comparison_may_wait(self):
        class Slow(int):
            def __lt__(self, other):
                sleep(0)
                return int(self) < int(other)

        queue = PriorityQueue()
        for thread in [spawn(queue.put, Slow(number)) for number in (3, 1, 2, 5, 4)]:
            thread.wait()
        self.assertEqual([queue.get_nowait() for _ in range(5)], [1, 2, 3, 4, 5])


class Threads(unittest.TestCase):
    def test_items_pass_between_os_threads_each_once_and_in_order(self):
        queue = Queue(3)
        done = Queue()
        count = 200

        def produce():
            for number in range(count):
                queue.put(number)

        os_thread = threading.Thread(target=produce)
        os_thread.start()

        def consume():
            for _ in range(count // 2):
                done.put(queue.get())

        consumers = [spawn(consume) for _ in range(2)]
        for consumer in consumers:
            consumer.wait()
        os_thread.join()
        self.assertEqual(sorted(done.get() for _ in range(count)), list(range(count)))

    def test_no_item_is_lost_or_doubled_among_kills_and_timeouts(self):
        for maxsize in (None, 0, 2):
            queue = Queue(maxsize)
            got = []

            def consume(seconds, queue=queue, got=got):
                while True:
                    try:
                        got.append(queue.get(timeout=seconds))
                    except Empty:
                        sleep(0)

            def produce(numbers, queue=queue):
                for number in numbers:
                    queue.put(number)

            producers = [spawn(produce, range(start, 300, 3)) for start in range(3)]
            consumers = [spawn(consume, 0.0001 * number) for number in range(10)]
            for _ in range(20):
                sleep(0.0005)
                consumers.pop(0).kill()
                consumers.append(spawn(consume, 0.0003))
            with Timeout(30):
                for producer in producers:
                    producer.wait()
                while len(got) < 300:
                    sleep(0.001)
            for consumer in consumers:
                consumer.kill()
            self.assertEqual(sorted(got), list(range(300)))
            self.assertTrue(queue.empty())


if __name__ == "__main__":
    unittest.main()
