"""Whole programs, as their users run them."""

import importlib
import re
import subprocess
import sys
import unittest
from pathlib import Path


def run(program, *arguments):
    """A program's standard output, standard error and status."""
    done = subprocess.run(
        [sys.executable, *arguments, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout, done.stderr, done.returncode


class Seeds(unittest.TestCase):
    def test_two_tasks_that_sleep_two_and_one_seconds(self):
        program = """\
import greenhub as eventlet

def task(number, seconds):
    print(number, "starts")
    eventlet.sleep(seconds)
    print(number, "ends")

eventlet.spawn(task, 1, 2)
eventlet.spawn(task, 2, 1)
eventlet.sleep(3)
"""
        self.assertEqual(run(program), ("1 starts\n2 starts\n2 ends\n1 ends\n", "", 0))


class Documents(unittest.TestCase):
    def test_the_table_of_names_and_the_package_agree(self):
        path = Path(__file__).resolve().parents[2] / "docs" / "eventlet.md"
        text = path.read_text(encoding="utf-8")
        table = text.split("<!-- names:begin -->")[1].split("<!-- names:end -->")[0]
        rows = re.findall(r"^\| `([a-z.]+)` \| (.*) \|$", table, re.MULTILINE)
        documented = {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows}
        found = {module: set(importlib.import_module(module).__all__) for module in documented}
        submodules = {module.partition(".")[2] for module in documented} - {""}
        self.assertEqual(found.pop("greenhub") - submodules, documented.pop("greenhub"))
        self.assertEqual(found, documented)
        self.assertGreater(len(documented), 10)


class Programs(unittest.TestCase):
    def test_an_import_starts_nothing_and_patches_nothing(self):
        program = """\
import ctypes  # whose libffi may keep a descriptor open
import os, select, socket, ssl, sys, threading, time, queue, subprocess

def looked():
    modules = (os, select, socket, ssl, threading, time, queue, subprocess)
    return [dict(vars(module)) for module in modules]

before, threads = looked(), os.listdir("/proc/self/task")
descriptors = os.listdir("/proc/self/fd")
import greenhub
assert before == looked()
assert threads == os.listdir("/proc/self/task")
assert descriptors == os.listdir("/proc/self/fd")
"""
        self.assertEqual(run(program), ("", "", 0))

    def test_a_failure_that_nobody_took_is_reported_at_the_latest_when_the_program_ends(self):
        program = """\
import greenhub
kept = greenhub.spawn(lambda: 1 // 0)
kept.name = "worker"
greenhub.sleep(0)
"""
        output, error, status = run(program)
        self.assertEqual((output, status), ("", 0))
        self.assertEqual(error.count("Exception in green thread worker:"), 1)
        self.assertEqual(error.count("ZeroDivisionError"), 1)

    def test_sys_exit_in_a_green_thread_ends_the_program(self):
        program = """\
import greenhub, sys
greenhub.spawn_n(sys.exit, 7)
greenhub.sleep(60)
"""
        self.assertEqual(run(program), ("", "", 7))

    def test_a_program_may_end_while_its_green_threads_wait(self):
        program = """\
import greenhub
event, queue, semaphore = greenhub.Event(), greenhub.Queue(), greenhub.Semaphore(0)
for wait in (event.wait, queue.get, semaphore.acquire):
    greenhub.spawn(wait)
greenhub.spawn_after(60, print, "never")
greenhub.sleep(0)
print("end")
"""
        self.assertEqual(run(program, "-X", "dev"), ("end\n", "", 0))


if __name__ == "__main__":
    unittest.main()
