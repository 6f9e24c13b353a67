"""The watchdog: who keeps an OS thread from other green threads, and by which line of Python."""

from __future__ import annotations

import os
import tempfile
import textwrap
import unittest

from support import run_python

HEAD = """
import ctypes, os, subprocess, sys, threading, time, warnings
import greenhub

def until(condition):
    with greenhub.Timeout(30):
        while not condition():
            greenhub.sleep(0.001)

reports = []

def blocks(count):
    # One stretch, until it is told of.
    end = time.monotonic() + 20
    while len(reports) < count and time.monotonic() < end:
        time.sleep(0.005)
"""

# The second seed program, with the steps and limits of its two halves filled in.
SEED = """
import time
import greenhub

{setup}

def sleeper():
    time.sleep(1)
    ends.append(time.monotonic())

def prints():
    for _ in range(8):
        printed.append(time.monotonic())
        greenhub.sleep(0.1)

ends, printed = [], []
threads = [greenhub.spawn(sleeper), greenhub.spawn(prints)]
began = time.monotonic()
for thread in threads:
    thread.wait()
"""


class Watchdog(unittest.TestCase):
    def run_alone(self, code: str) -> str:
        done = run_python(HEAD + textwrap.dedent(code))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def run_seed(self, setup: str, end: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "seed.py")
            with open(path, "w") as program:
                program.write(SEED.format(setup=setup) + textwrap.dedent(end))
            done = run_python("import runpy, sys; runpy.run_path(sys.argv[1])", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def test_a_sleep_of_the_standard_library_stops_nobody_when_patched(self) -> None:
        said = self.run_seed(
            "greenhub.monkey_patch()",
            """
            # While the other slept.
            assert printed[3] < ends[0] and ends[0] - began >= 1, (printed, ends)
            """,
        )
        self.assertEqual(said, "")

    def test_unpatched_the_watchdog_names_its_line(self) -> None:
        said = self.run_seed(
            "greenhub.watchdog()",
            """
            # Nobody ran meanwhile.
            assert printed[0] >= ends[0], (printed, ends)
            """,
        )
        who = r"(?m)^greenhub: watchdog: sleeper-\d+ keeps OS thread \d+ for \d+ ms"
        self.assertRegex(said, who)
        where = r'File ".*seed\.py", line \d+, in sleeper\n    time\.sleep\(1\)\n'
        self.assertRegex(said, where)
        self.assertEqual(said.count("in sleeper"), 1, said)

    def test_a_callback_is_told_once_of_each_stretch_who_and_where(self) -> None:
        said = self.run_alone("""
            def spins(count):
                end = time.monotonic() + 20
                while len(reports) < count and time.monotonic() < end:
                    pass
            def computes():
                for count in (1, 2):
                    spins(count)
                    # Told once of this one.
                    time.sleep(0.1)
                    greenhub.sleep(0)
            greenhub.watchdog(0.02, reports.append)
            thread = greenhub.spawn(computes)
            thread.name = "computing"
            thread.wait()
            until(lambda: len(reports) >= 2)
            assert [report.name for report in reports] == ["computing"] * 2, reports
            for report in reports:
                names = [frame.name for frame in report.stack]
                assert names == ["computes", "spins"], names
                assert 0.02 <= report.seconds < 30 and report.reason == report.native == ""
                assert report.os_thread == threading.get_native_id()

            # The OS thread's own code, while somebody could run.
            greenhub.spawn(reports.clear)
            spins(3)
            root = reports[-1]
            assert root.name == "root" and root.stack[-1].name == "spins", reports
            greenhub.sleep(0)

            # Another limit, another callback, and none.
            others = []
            greenhub.watchdog(20, others.append)
            greenhub.spawn(time.sleep, 0.1).wait()
            greenhub.watchdog(None)
            greenhub.watchdog(0)
            greenhub.spawn(time.sleep, 0.1).wait()
            assert reports == others == [], (reports, others)
        """)
        self.assertEqual(said, "")

    def test_threads_of_the_standard_library_are_named(self) -> None:
        said = self.run_alone("""
            greenhub.monkey_patch(thread=True)
            greenhub.watchdog(0.02, reports.append)
            def sleeps():
                blocks(1)
            thread = threading.Thread(target=sleeps, name="a thread of threading")
            thread.start()
            thread.join()
            until(lambda: reports)
            assert reports[0].name == thread.name, reports
            assert reports[0].stack[-2].name == "sleeps", reports
        """)
        self.assertEqual(said, "")

    def test_c_code_that_keeps_the_interpreter_lock_is_told_by_its_c_stack(self) -> None:
        said = self.run_alone("""
            reader, writer = os.pipe()
            def reads():
                # A signal does not end it.
                child = subprocess.Popen(["sh", "-c", "sleep 0.7; echo"], stdout=writer)
                ctypes.PyDLL(None).read(reader, ctypes.create_string_buffer(1), 1)
                child.wait()
            greenhub.watchdog(0.1)
            greenhub.spawn(reads).wait()
            greenhub.watchdog(0.1, reports.append)
            greenhub.spawn(reads).wait()
            until(lambda: reports)
            assert reports[0].stack is None and "lock was kept" in reports[0].reason, reports
            assert "#0 0x" in reports[0].native, reports
        """)
        # Before the lock was free, and once.
        self.assertEqual(said.count("the interpreter's lock is kept"), 1, said)
        self.assertRegex(said, r"(?m)^libgreenhub: watchdog: .*#\d+ 0x")
        self.assertNotIn("Traceback", said)

    def test_a_callback_may_fail_and_stop_the_watchdog(self) -> None:
        said = self.run_alone("""
            def fails(report):
                reports.append(report)
                if len(reports) == 2:
                    greenhub.watchdog(None)
                raise KeyError("mine")
            def sleeps():
                for count in (1, 2):
                    blocks(count)
                    greenhub.sleep(0)
                time.sleep(0.1)
            greenhub.watchdog(0.02, fails)
            greenhub.spawn(sleeps).wait()
            assert len(reports) == 2, reports
        """)
        self.assertEqual(said.count("KeyError: 'mine'"), 2, said)
        self.assertEqual(said.count("Exception in the callback of greenhub.watchdog:"), 2, said)

    def test_a_wrong_limit_is_refused(self) -> None:
        said = self.run_alone("""
            for wrong in (-1, 0.0001, float("nan")):
                try:
                    greenhub.watchdog(wrong)
                except ValueError:
                    continue
                raise AssertionError(wrong)
        """)
        self.assertEqual(said, "")

    def test_the_child_of_a_fork_has_none_and_starts_its_own(self) -> None:
        said = self.run_alone("""
            warnings.simplefilter("ignore")
            greenhub.watchdog(0.02, reports.append)
            greenhub.spawn(blocks, 1).wait()
            child = os.fork()
            if child == 0:
                reports.clear()
                greenhub.spawn(time.sleep, 0.1).wait()
                assert not reports
                greenhub.watchdog(0.02, reports.append)
                greenhub.spawn(blocks, 1).wait()
                assert reports
                greenhub.watchdog(None)
                os._exit(7)
            assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
        """)
        self.assertEqual(said, "")

    def test_who_computes_in_turns_keeps_nobody(self) -> None:
        said = self.run_alone("""
            greenhub.preempt(0.005)
            greenhub.watchdog(5, reports.append)
            def spins():
                while True:
                    pass
            threads = [greenhub.spawn(spins) for _ in range(2)]
            greenhub.sleep(0.3)
            for thread in threads:
                thread.kill()
            assert not reports, reports
        """)
        self.assertEqual(said, "")


if __name__ == "__main__":
    unittest.main()
