"""What becomes of exceptions that nobody takes."""

import contextlib
import gc
import io
import textwrap
import unittest
import weakref

import greenhub
from greenhub import _failures
from greenhub.greenthread import sleep, spawn, spawn_n
from greenhub.timeout import Timeout
from support import run_python


class Oops(Exception):
    """Raised by the tests' own threads."""


def fail(error=None):
    raise error or Oops("on purpose")


@contextlib.contextmanager
def reported():
    """Collects what is reported instead of printing it."""
    seen = []
    before = greenhub.set_excepthook(lambda name, error: seen.append((name, error)))
    try:
        yield seen
    finally:
        greenhub.set_excepthook(before)


@contextlib.contextmanager
def patience(seconds):
    """Has it last so long until one that is kept is reported."""
    before, _failures.PATIENCE = _failures.PATIENCE, seconds
    try:
        yield
    finally:
        _failures.PATIENCE = before


class Failing(unittest.TestCase):
    def test_what_nobody_takes_is_reported_once_with_the_threads_name(self):
        with reported() as seen:
            spawn(fail)
            sleep(0.01)
        self.assertEqual(len(seen), 1)
        name, error = seen[0]
        self.assertTrue(name.startswith("fail-"), name)
        self.assertIsInstance(error, Oops)

    def test_the_default_report_is_a_name_and_a_traceback_on_standard_error(self):
        text = io.StringIO()
        with contextlib.redirect_stderr(text):
            spawn(fail).name = "worker"
            sleep(0.01)
        self.assertIn("Exception in green thread worker:\nTraceback", text.getvalue())
        self.assertIn("Oops: on purpose", text.getvalue())
        self.assertNotIn("_run", text.getvalue())

    def test_what_somebody_waits_for_is_not_reported(self):
        with reported() as seen:
            with self.assertRaises(Oops):
                spawn(fail).wait()
            sleep(0.01)
        self.assertEqual(seen, [])

    def test_what_somebody_waits_for_later_is_not_reported(self):
        with patience(600), reported() as seen:
            slow, failed = spawn(sleep, 0.05), spawn(fail)
            slow.wait()
            with self.assertRaises(Oops):
                failed.wait()
            del failed
            sleep(0.01)
        self.assertEqual(seen, [])

    def test_what_is_linked_is_not_reported(self):
        with reported() as seen:
            said = []
            spawn(fail).link(said.append)
            sleep(0.01)
        self.assertEqual(seen, [])
        self.assertEqual(len(said), 1)

    def test_a_link_that_raises_is_reported_and_drops_no_other(self):
        said = []
        with reported() as seen:
            thread = spawn(lambda: "result")
            thread.link(lambda _: fail())
            thread.link(said.append)
            self.assertEqual(thread.wait(), "result")
            sleep(0)
        self.assertEqual(said, [thread])
        self.assertEqual([type(error) for _, error in seen], [Oops])

    def test_one_that_is_kept_but_never_waited_for_is_reported_all_the_same(self):
        with patience(0.2), reported() as seen:
            thread = spawn(fail)
            sleep(0)
            self.assertEqual(seen, [])
            with Timeout(30):
                while not seen:
                    sleep(0.01)
            with self.assertRaises(Oops):
                thread.wait()
        self.assertEqual(len(seen), 1)

    def test_one_spawned_to_be_forgotten_is_reported_at_once(self):
        with reported() as seen:
            thread = spawn_n(fail)
            sleep(0)
            self.assertEqual(len(seen), 1)
        self.assertTrue(thread.dead)

    def test_one_that_is_waited_for_within_the_patience_is_not_reported_afterwards(self):
        with patience(0.2), reported() as seen:
            thread = spawn(fail)
            sleep(0.01)
            with self.assertRaises(Oops):
                thread.wait()
            sleep(0.3)
            del thread
            sleep(0.01)
        self.assertEqual(seen, [])

    def test_a_kill_is_never_reported(self):
        with reported() as seen:
            thread = spawn(sleep, 60)
            sleep(0)
            thread.kill()
            del thread
            sleep(0.01)
        self.assertEqual(seen, [])

    def test_a_hook_that_fails_hides_nothing(self):
        text = io.StringIO()

        def hook(name, error):
            raise ValueError("hook")

        before = greenhub.set_excepthook(hook)
        try:
            with contextlib.redirect_stderr(text):
                spawn_n(fail)
                sleep(0)
        finally:
            greenhub.set_excepthook(before)
        self.assertIn("Oops: on purpose", text.getvalue())
        self.assertIn("ValueError: hook", text.getvalue())

    def test_system_exit_that_nobody_waits_for_reaches_the_root(self):
        for error in (SystemExit, KeyboardInterrupt):
            spawn_n(fail, error())
            with self.assertRaises(error):
                sleep(5)

    def test_a_failed_thread_that_was_waited_for_is_freed_without_the_collector(self):
        gc.disable()
        try:
            thread = spawn(fail)
            ref = weakref.ref(thread)
            try:
                thread.wait()
            except Oops:
                pass
            sleep(0)
            del thread
            self.assertIsNone(ref())
        finally:
            gc.enable()


PATCHED = """
import _thread, sys, threading, time
import greenhub
from greenhub import _core

greenhub.monkey_patch()
seen = []
greenhub.set_excepthook(lambda name, error: seen.append(("greenhub", name, error)))
threading.excepthook = lambda args: seen.append(("threading", args.thread.name, args.exc_value))
sys.unraisablehook = lambda args: seen.append(("unraisable", args.object, args.exc_value))

def fail(error):
    raise error

def waits():
    idents.append(_core.ident())
    time.sleep(20)

idents = []

def started(function, *args):
    thread = threading.Thread(target=function, args=args, name="worker")
    thread.start()
    return thread
"""


class Patched(unittest.TestCase):
    """Threads of the standard library, whose own hooks are told."""

    def run_patched(self, code):
        done = run_python(PATCHED + textwrap.dedent(code))
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)

    def test_threading_reports_its_threads_once_by_its_own_hook(self):
        self.run_patched("""
            error = ValueError("text")
            started(fail, error).join()
            greenhub.sleep(0)
            assert seen == [("threading", "worker", error)], seen
        """)

    def test_what_is_raised_in_a_thread_of_threading_is_reported_unless_it_is_a_kill(self):
        self.run_patched("""
            for error, reports in (ValueError("text"), 1), (greenhub.GreenletExit(), 0):
                seen.clear()
                thread = started(waits)
                greenhub.sleep(0)
                _core.throw(idents.pop(), error)
                thread.join()
                assert seen == [("threading", "worker", error)][:reports], seen
        """)

    def test_a_thread_without_an_object_is_reported_by_its_function(self):
        self.run_patched("""
            error = ValueError("text")
            _thread.start_new_thread(fail, (error,))
            _thread.start_new_thread(fail, (SystemExit(),))
            greenhub.sleep(0)
            assert seen == [("unraisable", fail, error)], seen
        """)


if __name__ == "__main__":
    unittest.main()
