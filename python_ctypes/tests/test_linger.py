"""The interpreter's lock between two answers of a peer, beside an OS thread that computes."""

from __future__ import annotations

import textwrap
import unittest

from support import run_python

# A peer in a process of its own, and an OS thread that wants the lock all the time. Who lets go of
# it gets it back when an interval is over, which is long here, so that it can be told from all else
# that takes time.
HEAD = """
import os, sys, threading, time
import greenhub
from greenhub import socket

INTERVAL = 0.1

mine, other = socket.socketpair()
if os.fork() == 0:
    mine.close()
    os.set_blocking(other.fileno(), True)
    while True:
        data = os.read(other.fileno(), 64)
        if not data:
            os._exit(0)
        # Long enough for the other thread to take a lock that is free.
        begin = time.perf_counter()
        while time.perf_counter() < begin + 0.00006:
            pass
        os.write(other.fileno(), data)
other.close()

turns = 0
def spin():
    global turns
    while True:
        turns += 1

def ask(times):
    for _ in range(times):
        mine.sendall(b"x")
        mine.recv(64)

sys.setswitchinterval(INTERVAL)
threading.Thread(target=spin, daemon=True).start()
"""


class Linger(unittest.TestCase):
    def run_program(self, code: str) -> None:
        done = run_python(HEAD + textwrap.dedent(code))
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)

    def test_a_peer_that_answers_at_once_is_not_an_interval_away(self) -> None:
        """Else twenty answers take twenty intervals. A peer that is kept from running, on a busy
        machine, answers late: one of some tries must do."""
        self.run_program("""
            def seconds(times):
                begin = time.monotonic()
                ask(times)
                return time.monotonic() - begin
            assert any(seconds(20) < 12 * INTERVAL for _ in range(10))
        """)

    def test_the_other_thread_has_its_share(self) -> None:
        self.run_program("""
            ask(5)
            before, end = turns, time.monotonic() + 12 * INTERVAL
            while time.monotonic() < end:
                ask(1)
            own = turns - before
            begin, before = time.monotonic(), turns
            time.sleep(4 * INTERVAL)
            alone = (turns - before) / (time.monotonic() - begin)
            share = own / (12 * INTERVAL) / alone
            assert share > 0.2, share
        """)

    def test_a_deadline_within_the_moment_is_kept(self) -> None:
        self.run_program("""
            ask(5)
            for _ in range(5):
                begin = time.monotonic()
                greenhub.sleep(0.00005)
                assert time.monotonic() - begin < 50 * INTERVAL
        """)

    def test_a_message_of_another_os_thread_ends_it(self) -> None:
        self.run_program("""
            ask(5)
            for _ in range(5):
                thread = greenhub.spawn(greenhub.sleep, 600)
                greenhub.sleep(0)
                threading.Thread(target=thread.kill).start()
                try:
                    thread.wait()
                except greenhub.GreenletExit:
                    pass
        """)


if __name__ == "__main__":
    unittest.main()
