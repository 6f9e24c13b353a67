"""Looking into a running program: who is there, what each waits for, and where."""

import gc
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import unittest

import greenhub
from greenhub import debug
from greenhub.greenthread import sleep, spawn


def sleep_in_a_function_of_its_own():
    sleep(30)


class RunInfo(unittest.TestCase):
    def spawn(self, *call):
        thread = spawn(*call)
        self.addCleanup(thread.kill)
        return thread

    def part(self, name):
        """The lines of one green thread."""
        lines = debug.format_run_info()
        begin = next(at for at, line in enumerate(lines) if line.startswith("  %s (" % name))
        end = begin + 1
        while end < len(lines) and lines[end].startswith("    "):
            end += 1
        return "\n".join(lines[begin:end])

    def test_each_green_thread_has_its_own_stack_and_what_it_waits_for(self):
        event = greenhub.Event()
        sleeper, waiter = self.spawn(sleep_in_a_function_of_its_own), self.spawn(event.wait)
        sleeper.name, waiter.name = "sleeper", "waiter"
        sleep(0)
        part = self.part("sleeper")
        self.assertRegex(part, r"sleeps, \d+ ms left")
        self.assertIn("in sleep_in_a_function_of_its_own", part)
        self.assertIn("    sleep(30)", part)
        self.assertNotIn("test_each", part)
        part = self.part("waiter")
        self.assertIn("in wait", part)
        self.assertNotIn("in sleep_in_a_function_of_its_own", part)

    def test_one_that_has_not_started_has_no_stack(self):
        fresh = self.spawn(sleep_in_a_function_of_its_own)
        fresh.name = "fresh"
        self.assertRegex(self.part("fresh"), r"\A  fresh \(hub \d+\): ready, not started\Z")

    def test_the_caller_and_its_root_stand_where_they_are(self):
        def look():
            return self.part("looker"), "\n".join(debug.format_run_info(greenlet_stacks=False))

        looker = spawn(look)
        looker.name = "looker"
        own, all_of_it = looker.wait()
        self.assertIn("in look", own)
        root = all_of_it.split("Green threads:")[0]
        self.assertIn("in test_the_caller_and_its_root_stand_where_they_are", root)
        self.assertNotIn("in look", root)

    def test_those_that_ended_are_gone(self):
        threads = [spawn(sleep, 0) for _ in range(100)]
        before = len(debug.format_run_info(greenlet_stacks=False))
        for thread in threads:
            thread.wait()
        self.assertLessEqual(len(debug.format_run_info(greenlet_stacks=False)), before - 100)

    def test_green_threads_and_stacks_of_other_os_threads_are_seen(self):
        gate, started = threading.Event(), threading.Event()

        def elsewhere():
            thread = spawn(sleep_in_a_function_of_its_own)
            thread.name = "far away"
            sleep(0)
            started.set()
            gate.wait()
            thread.kill()

        other = threading.Thread(target=elsewhere, name="other")
        other.start()
        try:
            self.assertTrue(started.wait(30))
            part = self.part("far away")
            self.assertIn("belongs to another OS thread", part)
            self.assertIn("in sleep_in_a_function_of_its_own", part)
            text = "\n".join(debug.format_run_info())
            self.assertRegex(text, r"(?s)  other \(\d+\)\n.*in elsewhere")
        finally:
            gate.set()
            other.join()

    def test_a_limit_keeps_the_innermost_entries(self):
        deep = self.spawn(lambda: sleep_in_a_function_of_its_own())
        deep.name = "deep"
        sleep(0)
        out = io.StringIO()
        debug.print_run_info(limit=1, file=out)
        lines = out.getvalue().split("\n")
        begin = next(at for at, line in enumerate(lines) if line.startswith("  deep ("))
        self.assertIn("in sleep\n", lines[begin + 1] + "\n")
        self.assertFalse(any("_run" in line for line in lines[begin + 1 : begin + 3]))

    def test_listeners_and_timers_are_told_apart(self):
        program = """\
import greenhub, socket
from greenhub import debug
greenhub.monkey_patch()
left, right = socket.socketpair()
def reads():
    left.recv(1)
def sleeps():
    greenhub.sleep(30)
greenhub.spawn(reads), greenhub.spawn(sleeps)
greenhub.sleep(0)
listeners, timers = debug.format_hub_listeners(), debug.format_hub_timers()
assert "in reads" in listeners and "in sleeps" not in listeners, listeners
assert "descriptor %d" % left.fileno() in listeners, listeners
assert "in sleeps" in timers and "in reads" not in timers, timers
"""
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_threads_of_the_standard_library_have_their_names(self):
        program = """\
import greenhub, threading, time
from greenhub import debug
greenhub.monkey_patch()
threading.Thread(target=time.sleep, args=(30,), name="worker", daemon=True).start()
greenhub.sleep(0)
text = "\\n".join(debug.format_run_info())
assert "  worker-" in text, text
others = text.split("Green")[0]
assert others.count("\\n  MainThread (") == 1 and "in run" not in others, text
"""
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_the_child_of_a_fork_sees_the_forker_only(self):
        program = """\
import greenhub, os
from greenhub import debug
def sleeps():
    greenhub.sleep(30)
def forks():
    child = os.fork()
    if not child:
        text = "\\n".join(debug.format_run_info())
        greenhub.spawn(sleeps).name = "new"
        greenhub.sleep(0)
        more = "\\n".join(debug.format_run_info())
        good = "Green threads: 1" in text and "in forks" in text and "in sleeps" not in text
        os._exit(0 if good and "Green threads: 2" in more and "in sleeps" in more else 1)
    return os.waitpid(child, 0)[1]
for _ in range(10):
    greenhub.spawn(sleeps)
greenhub.sleep(0)
assert greenhub.spawn(forks).wait() == 0
if not os.fork():
    os._exit(0 if "Green threads: 0" in debug.format_run_info() else 1)
assert os.wait()[1] == 0
"""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_a_signal_has_a_running_program_tell_what_it_does(self):
        program = """\
import greenhub, signal
from greenhub import debug
def waits_for_a_customer():
    greenhub.sleep(30)
signal.signal(signal.SIGUSR1, lambda *_: debug.print_run_info())
greenhub.spawn(waits_for_a_customer)
greenhub.spawn(print, "ready", flush=True)
greenhub.spawn(input).wait()
"""
        left, right = socket.socketpair()
        with left, right, subprocess.Popen(
            [sys.executable, "-c", "import greenhub; greenhub.monkey_patch()\n" + program],
            stdin=right,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            self.assertEqual(child.stdout.readline(), "ready\n")
            os.kill(child.pid, signal.SIGUSR1)
            seen = ""
            while "waits_for_a_customer" not in seen:
                line = child.stderr.readline()
                self.assertTrue(line, "it ended")
                seen += line
            left.sendall(b"\n")
            child.communicate(timeout=30)
            self.assertEqual(child.returncode, 0)

    def test_the_garbage_collector_is_left_as_it_was(self):
        self.addCleanup(gc.enable)
        for switch, expected in ((gc.disable, False), (gc.enable, True)):
            switch()
            debug.format_run_info()
            self.assertEqual(gc.isenabled(), expected)

    def test_finalizers_that_wait_while_stacks_are_taken_do_no_harm(self):
        class Waits:
            def __init__(self):
                self.cycle = self

            def __del__(self):
                sleep(0)

        def busy(depth):
            if depth:
                return busy(depth - 1)
            Waits()
            sleep(0)
            return None

        # Garbage is kept for the moment in which stacks are taken, and collected at once there.
        before = gc.get_threshold()
        self.addCleanup(gc.enable)
        self.addCleanup(gc.set_threshold, *before)
        gc.set_threshold(1, 1, 1)
        for _ in range(10):
            gc.disable()
            threads = [spawn(busy, depth) for depth in range(60)]
            sleep(0)
            gc.enable()
            debug.format_run_info()
            for thread in threads:
                thread.wait()
        # Those that are left would wait when the interpreter ends.
        gc.collect()

    def test_it_can_be_asked_while_thousands_come_and_go(self):
        def busy():
            for _ in range(20):
                sleep(0)

        threads = [spawn(busy) for _ in range(500)]
        for _ in range(30):
            sleep(0)
            self.assertTrue(debug.format_run_info(limit=2))
        for thread in threads:
            thread.wait()


if __name__ == "__main__":
    unittest.main()
