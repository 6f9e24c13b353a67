"""Events: one result for all who wait."""

import threading
import time
import unittest

from greenhub.event import Event
from greenhub.greenthread import GreenletExit, kill, sleep, spawn
from greenhub.timeout import Timeout


class Oops(Exception):
    """Sent by the tests."""


class Sending(unittest.TestCase):
    def test_wait_returns_what_is_sent_before_and_after(self):
        event = Event()
        waiter = spawn(event.wait)
        sleep(0)
        self.assertFalse(event.ready())
        event.send("value")
        self.assertTrue(event.ready())
        self.assertEqual(waiter.wait(), "value")
        self.assertEqual(event.wait(), "value")

    def test_waiters_wake_in_the_order_in_which_they_came(self):
        event = Event()
        said = []

        def waiter(number):
            event.wait()
            said.append(number)

        threads = [spawn(waiter, number) for number in range(12)]
        sleep(0)
        event.send()
        self.assertEqual(said, [])
        for thread in threads:
            thread.wait()
        self.assertEqual(said, list(range(12)))

    def test_a_second_send_is_an_error(self):
        event = Event()
        event.send(1)
        with self.assertRaises(AssertionError):
            event.send(2)
        with self.assertRaises(AssertionError):
            event.send_exception(Oops)
        self.assertEqual(event.wait(), 1)

    def test_the_very_exception_is_raised_in_each_waiter(self):
        event = Event()
        waiters = [spawn(event.wait) for _ in range(2)]
        sleep(0)
        error = Oops()
        event.send_exception(error)
        for waiter in waiters:
            with self.assertRaises(Oops) as caught:
                waiter.wait()
            self.assertIs(caught.exception, error)

    def test_exceptions_come_as_classes_tuples_and_triples(self):
        for send in (
            lambda event: event.send(exc=Oops("text")),
            lambda event: event.send(exc=(Oops, "text")),
            lambda event: event.send_exception(Oops, Oops("text"), None),
        ):
            event = Event()
            send(event)
            with self.assertRaisesRegex(Oops, "text"):
                event.wait()
        with self.assertRaises(TypeError):
            Event().send(exc="no exception")

    def test_what_cannot_be_sent_leaves_the_event_as_it_was(self):
        event = Event()
        for args in ((), ("no exception",)):
            with self.assertRaises(TypeError):
                event.send_exception(*args)
        event.send("value")
        self.assertEqual(event.wait(), "value")

    def test_reset_makes_it_as_new_and_takes_nothing_from_those_already_woken(self):
        event = Event()
        with self.assertRaises(AssertionError):
            event.reset()
        waiter = spawn(event.wait)
        sleep(0)
        event.send(1)
        event.reset()
        self.assertFalse(event.ready())
        self.assertEqual(waiter.wait(), 1)
        event.send(2)
        self.assertEqual(event.wait(), 2)

    def test_another_os_thread_may_send(self):
        event = Event()
        os_thread = threading.Thread(target=lambda: (time.sleep(0.02), event.send("value")))
        os_thread.start()
        self.assertEqual(event.wait(), "value")
        os_thread.join()


class Polling(unittest.TestCase):
    def test_nothing_is_sent_yet(self):
        event = Event()
        self.assertFalse(event.has_result() or event.has_exception())
        self.assertEqual(event.poll(1), 1)
        self.assertEqual(event.poll_result(2), 2)
        self.assertEqual(event.poll_exception(3), 3)

    def test_a_result(self):
        event = Event()
        event.send(0)
        self.assertTrue(event.has_result())
        self.assertFalse(event.has_exception())
        self.assertEqual(event.poll(1), 0)
        self.assertEqual(event.poll_result(1), 0)
        self.assertEqual(event.poll_exception(3), 3)

    def test_an_exception(self):
        event = Event()
        event.send_exception(Oops)
        self.assertTrue(event.has_exception())
        self.assertFalse(event.has_result())
        for poll in (event.poll, event.poll_exception):
            with self.assertRaises(Oops):
                poll()
        self.assertEqual(event.poll_result(2), 2)


class Leaving(unittest.TestCase):
    def test_a_timeout_can_be_told_from_none(self):
        event = Event()
        expired = object()
        start = time.monotonic()
        self.assertIs(event.wait(0.05, expired), expired)
        self.assertGreaterEqual(time.monotonic() - start, 0.05)
        self.assertIsNone(event.wait(0))
        event.send(None)
        self.assertIsNone(event.wait(0.05, expired))

    def test_whoever_leaves_leaves_nothing_behind(self):
        event = Event()
        event.wait(0.001)
        with self.assertRaises(Timeout):
            with Timeout(0.001):
                event.wait()
        waiter = spawn(event.wait)
        sleep(0)
        waiter.kill()
        with self.assertRaises(GreenletExit):
            waiter.wait()
        self.assertEqual(len(event._waiters), 0)

    def test_one_killed_between_others_leaves_their_order(self):
        event = Event()
        said = []

        def waiter(number):
            event.wait()
            said.append(number)

        threads = [spawn(waiter, number) for number in range(3)]
        sleep(0)
        kill(threads[1])
        event.send()
        sleep(0)
        self.assertEqual(said, [0, 2])


if __name__ == "__main__":
    unittest.main()
