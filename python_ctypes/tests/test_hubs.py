"""What programs ask eventlet's hub for, and its debugging switches."""

import contextlib
import io
import socket
import sys
import threading
import unittest

import greenhub
from greenhub import debug, hubs, tpool
from greenhub.greenthread import sleep, spawn, spawn_n
from greenhub.timeout import Timeout


class Oops(Exception):
    """Raised by the tests."""


def fail():
    raise Oops("on purpose")


class Hubs(unittest.TestCase):
    def test_an_os_thread_has_one_hub(self):
        hubs.use_hub("poll")
        hub = hubs.get_hub()
        self.assertIs(spawn(hubs.get_hub).wait(), hub)
        others = []
        os_thread = threading.Thread(target=lambda: others.append(hubs.get_hub()))
        os_thread.start()
        os_thread.join()
        self.assertIsNot(others[0], hub)

    def test_calls_are_made_when_their_time_has_come(self):
        said = []
        start = hubs.get_hub().clock()
        timer = hubs.get_hub().schedule_call_global(
            0.02, lambda word: said.append((word, hubs.get_hub().clock())), "word"
        )
        self.assertTrue(timer.pending)
        sleep(0.03)
        self.assertTrue(timer.called)
        self.assertEqual(said[0][0], "word")
        self.assertGreaterEqual(said[0][1] - start, 0.02)

    def test_a_cancelled_call_is_not_made(self):
        said = []
        timer = hubs.get_hub().schedule_call_global(0.01, said.append, "called")
        timer.cancel()
        self.assertFalse(timer.pending)
        sleep(0.02)
        self.assertEqual(said, [])

    def test_a_local_call_is_not_made_for_the_dead(self):
        said = []
        spawn(hubs.get_hub().schedule_call_local, 0.01, said.append, "called").wait()
        hubs.get_hub().schedule_call_local(0.01, said.append, "mine")
        sleep(0.03)
        self.assertEqual(said, ["mine"])


class Switches(unittest.TestCase):
    def setUp(self):
        self.seen = []
        before = greenhub.set_excepthook(lambda name, error: self.seen.append((name, error)))
        self.addCleanup(greenhub.set_excepthook, before)

    def test_reports_can_be_turned_off(self):
        debug.hub_exceptions(False)
        self.addCleanup(debug.hub_exceptions)
        spawn_n(fail)
        sleep(0)
        self.assertEqual(self.seen, [])
        debug.hub_exceptions()
        spawn_n(fail)
        sleep(0)
        self.assertEqual(len(self.seen), 1)

    def test_exceptions_in_os_threads_can_be_reported_there(self):
        for state in (True, False):
            debug.tpool_exceptions(state)
            with self.assertRaises(Oops):
                tpool.execute(fail)
        self.assertEqual([name for name, _ in self.seen], ["thread pool"])

    def test_spew_prints_the_lines_of_the_modules_named(self):
        def traced():
            number = 1
            return number + 1

        before = sys.gettrace()
        text = io.StringIO()
        try:
            with contextlib.redirect_stdout(text):
                debug.spew([__name__], show_values=True)
                traced()
                debug.unspew()
                traced()
        finally:
            sys.settrace(before)
        self.assertEqual(text.getvalue().count("return number + 1"), 1)
        self.assertIn("number = 1", text.getvalue())
        debug.hub_prevent_multiple_readers(False)


class Trampolines(unittest.TestCase):
    """For drivers that wait by themselves: nothing is patched here."""

    def setUp(self):
        self.left, self.right = socket.socketpair()
        self.addCleanup(self.left.close)
        self.addCleanup(self.right.close)

    def test_it_waits_until_there_is_something_to_read(self):
        spawn(self.right.send, b"x")
        hubs.trampoline(self.left, read=True)
        self.assertEqual(self.left.recv(1, socket.MSG_DONTWAIT), b"x")

    def test_what_can_be_written_is_not_waited_for(self):
        hubs.trampoline(self.left.fileno(), write=True, timeout=30)

    def test_the_time_being_over_raises_what_was_asked_for(self):
        with self.assertRaises(Timeout):
            hubs.trampoline(self.left, read=True, timeout=0.005)
        mine = Oops()
        with self.assertRaises(Oops) as caught:
            hubs.trampoline(self.left, read=True, timeout=0.005, timeout_exc=mine)
        self.assertIs(caught.exception, mine)

    def test_a_kill_ends_the_wait(self):
        waiting = spawn(hubs.trampoline, self.left, read=True)
        sleep(0)
        waiting.kill(Oops)
        with self.assertRaises(Oops):
            waiting.wait()

    def test_what_is_closed_is_said_to_be(self):
        number, marks = self.left.fileno(), []
        self.left.close()
        with self.assertRaises(hubs.IOClosed):
            hubs.trampoline(number, read=True, mark_as_closed=lambda: marks.append(number))
        self.assertEqual(marks, [number])

    def test_one_has_to_say_what_for(self):
        with self.assertRaises(ValueError):
            hubs.trampoline(self.left)


if __name__ == "__main__":
    unittest.main()
