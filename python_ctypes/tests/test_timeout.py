"""Timeouts: an exception after a time, exactly that one."""

import socket
import threading
import time
import unittest

from greenhub.event import Event
from greenhub.greenthread import sleep, spawn
from greenhub.queue import Queue
from greenhub.timeout import Timeout, is_timeout, with_timeout, wrap_is_timeout


class Oops(Exception):
    """Raised by the tests."""


class Raising(unittest.TestCase):
    def test_the_very_timeout_is_raised_where_the_thread_waits(self):
        start = time.monotonic()
        with self.assertRaises(Timeout) as caught:
            with Timeout(0.05) as timeout:
                sleep(60)
        self.assertIs(caught.exception, timeout)
        self.assertGreaterEqual(time.monotonic() - start, 0.05)

    def test_it_is_no_exception_that_a_block_would_swallow(self):
        with self.assertRaises(Timeout):
            with Timeout(0.01):
                try:
                    sleep(60)
                except Exception:
                    self.fail("swallowed")

    def test_nothing_is_raised_after_the_block(self):
        with Timeout(0.01):
            pass
        sleep(0.03)

    def test_a_silent_one_leaves_the_block_quietly(self):
        with Timeout(0.01, False):
            sleep(60)
            self.fail("not interrupted")

    def test_a_silent_one_keeps_only_itself_quiet(self):
        with self.assertRaises(Timeout) as caught:
            with Timeout(0.01) as outer:
                with Timeout(60, False):
                    sleep(60)
        self.assertIs(caught.exception, outer)

    def test_another_exception_is_raised_instead(self):
        error = Oops("text")
        with self.assertRaises(Oops) as caught:
            with Timeout(0.01, error):
                sleep(60)
        self.assertIs(caught.exception, error)
        with self.assertRaises(Oops):
            with Timeout(0.01, Oops):
                sleep(60)

    def test_none_never_fires(self):
        with Timeout(None) as timeout:
            self.assertFalse(timeout.pending)
            sleep(0.01)

    def test_no_time_at_all_is_over_at_the_next_wait(self):
        for seconds in (0, -1):
            for wait in (lambda: sleep(0), lambda: sleep(60), Event().wait):
                with self.assertRaises(Timeout) as caught:
                    with Timeout(seconds) as timeout:
                        self.assertTrue(timeout.pending)
                        wait()
                self.assertIs(caught.exception, timeout)
                self.assertFalse(timeout.pending)
            with Timeout(seconds):
                pass
            sleep(0)

    def test_no_time_at_all_is_over_before_what_comes_later(self):
        queue = Queue()

        def getter():
            with Timeout(0, False):
                return queue.get()
            return "too late"

        thread = spawn(getter)
        sleep(0)
        queue.put("item")
        self.assertEqual(thread.wait(), "too late")
        self.assertEqual(queue.get(), "item")

    def test_the_inner_of_two_can_be_told_from_the_outer(self):
        with Timeout(60) as outer:
            try:
                with Timeout(0.01) as inner:
                    sleep(60)
            except Timeout as error:
                self.assertIs(error, inner)
        self.assertFalse(outer.pending)

    def test_it_interrupts_the_thread_that_made_it_and_no_other(self):
        event = Event()
        other = spawn(event.wait)
        with Timeout(0.01, False):
            sleep(60)
        event.send("value")
        self.assertEqual(other.wait(), "value")


class Handling(unittest.TestCase):
    def test_it_is_pending_until_cancelled_or_over(self):
        timeout = Timeout(60)
        self.assertTrue(timeout.pending)
        with self.assertRaises(AssertionError):
            timeout.start()
        timeout.cancel()
        timeout.cancel()
        self.assertFalse(timeout.pending)
        with self.assertRaises(Timeout):
            with Timeout(0.01) as timeout:
                sleep(60)
        self.assertFalse(timeout.pending)

    def test_a_cancelled_one_starts_again_with_its_block(self):
        timeout = Timeout(0.01)
        timeout.cancel()
        with self.assertRaises(Timeout):
            with timeout:
                sleep(60)
        with self.assertRaises(Timeout):
            with timeout:
                sleep(60)

    def test_one_is_cancelled_from_another_os_thread(self):
        others = []

        def cancel():
            # The first timer of this OS thread is another one than the first of that one.
            with Timeout(60):
                others.append(timeout)
                timeout.cancel()

        timeout = Timeout(0.5)
        canceller = threading.Thread(target=cancel)
        canceller.start()
        while canceller.is_alive():
            sleep(0.001)
        self.assertEqual(others, [timeout])
        sleep(0.6)

    def test_its_text_says_how_long(self):
        for args, text in (
            ((1,), "1 second"),
            ((0.5,), "0.5 seconds"),
            ((2, False), "2 seconds (silent)"),
            ((None,), "no limit"),
        ):
            timeout = Timeout(*args)
            timeout.cancel()
            self.assertEqual(str(timeout), text)
            self.assertIn(text, repr(timeout))


class WithTimeout(unittest.TestCase):
    def test_a_function_in_time_returns_its_result(self):
        self.assertEqual(with_timeout(60, lambda a, b: a + b, 1, b=2), 3)

    def test_one_that_is_late_gives_the_value_for_that_or_raises(self):
        self.assertEqual(with_timeout(0.01, sleep, 60, timeout_value="late"), "late")
        self.assertIsNone(with_timeout(0.01, sleep, 60, timeout_value=None))
        with self.assertRaises(Timeout):
            with_timeout(0.01, sleep, 60)

    def test_somebody_elses_timeout_is_not_taken_for_ones_own(self):
        with self.assertRaises(Timeout) as caught:
            with Timeout(0.01) as outer:
                with_timeout(60, sleep, 60, timeout_value="late")
        self.assertIs(caught.exception, outer)


class Telling(unittest.TestCase):
    def test_what_is_a_timeout(self):
        timeout = Timeout()
        for yes in (timeout, TimeoutError(), socket.timeout()):
            self.assertTrue(is_timeout(yes), yes)
        for no in (Oops(), OSError(), None):
            self.assertFalse(is_timeout(no), no)

    def test_wrapped_classes_and_functions_make_timeouts(self):
        class Mine(Exception):
            pass

        self.assertIs(wrap_is_timeout(Mine), Mine)
        self.assertTrue(is_timeout(Mine()))
        self.assertTrue(is_timeout(wrap_is_timeout(Oops("text").with_traceback)(None)))
        made = wrap_is_timeout(lambda text: Oops(text))("text")
        self.assertTrue(is_timeout(made))
        self.assertEqual(str(made), "text")


if __name__ == "__main__":
    unittest.main()
