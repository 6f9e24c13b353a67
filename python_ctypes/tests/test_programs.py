"""Whole programs, as their users run them."""

import subprocess
import sys
import unittest


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


class Programs(unittest.TestCase):
    def test_an_import_starts_nothing_and_patches_nothing(self):
        program = """\
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

    def test_every_name_of_eventlets_is_there(self):
        program = """\
import greenhub as eventlet
from greenhub import *
from greenhub.greenthread import spawn_after, spawn_after_local, cancel, getcurrent, kill
from greenhub.event import Event
from greenhub.queue import Full, Empty, LightQueue, Queue, PriorityQueue, LifoQueue
from greenhub.semaphore import Semaphore, BoundedSemaphore, CappedSemaphore
from greenhub.timeout import Timeout, with_timeout, is_timeout, wrap_is_timeout
from greenhub.greenpool import GreenPool, GreenPile, GreenMap
from greenhub.pools import Pool
from greenhub.corolocal import local, get_ident
from greenhub.dagpool import DAGPool, Collision, PropagateError
from greenhub.tpool import execute, Proxy, set_num_threads, killall
from greenhub.hubs import get_hub, use_hub
pool = eventlet.GreenPool()
print(list(pool.imap(abs, [-1, -2])), all(hasattr(eventlet, name) for name in eventlet.__all__))
"""
        self.assertEqual(run(program), ("[1, 2] True\n", "", 0))

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
