"""Kills beneath Python while signals come: their handlers never run in the killed thread."""

from __future__ import annotations

import textwrap
import unittest

from support import run_python

HEAD = """
import _thread, os, signal, socket, subprocess, sys, threading, time
import greenhub

greenhub.monkey_patch()
root = greenhub.getcurrent()
near, far = socket.socketpair()
lock = threading.Lock()
lock.acquire()

class Killed(BaseException):
    pass
"""


class Signals(unittest.TestCase):
    def run_patched(self, code: str) -> None:
        done = run_python(HEAD + textwrap.dedent(code))
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)

    def test_handlers_run_in_the_main_code_whatever_is_killed_meanwhile(self) -> None:
        self.run_patched("""
            handled, wrong = {signal.SIGALRM: 0, signal.SIGUSR1: 0}, []
            def handler(number, frame):
                handled[number] += 1
                if greenhub.getcurrent() is not root:
                    wrong.append(number)
            for number in handled:
                signal.signal(number, handler)
            raised = [0]
            def loops(call):
                while True:
                    try:
                        call()
                    except Killed:
                        raised[0] += 1
            calls = [lambda: near.recv(1), lock.acquire, lambda: time.sleep(100)]
            threads = [greenhub.spawn(loops, call) for call in calls]
            greenhub.sleep(0)
            # Another process sends one as fast as it can, the kernel the other.
            sends = "import os\\nwhile os.getppid() == %d: os.kill(%d, %d)" % (
                os.getpid(), os.getpid(), signal.SIGUSR1)
            sender = subprocess.Popen([sys.executable, "-S", "-c", sends])
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            sent, until = 0, time.monotonic() + 30
            while sent < 6000 or min(handled.values()) < 20:
                for thread in threads:
                    thread.kill(Killed())
                sent += len(threads)
                while raised[0] < sent:
                    assert time.monotonic() < until, (sent, raised, handled)
                    greenhub.sleep(0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            sender.kill()
            assert not wrong and raised[0] == sent, (len(wrong), handled, raised, sent)
            sys.stdout.flush()
            os._exit(0)
        """)

    def test_a_signal_that_came_before_the_kill_is_handled_before_it(self) -> None:
        self.run_patched("""
            order = []
            signal.signal(signal.SIGUSR1, lambda number, frame: order.append(greenhub.getcurrent()))
            def waits(call):
                try:
                    call()
                except Killed:
                    order.append("killed")
            def sends(thread):
                # Both are to be found together when the thread runs.
                os.kill(os.getpid(), signal.SIGUSR1)
                thread.kill(Killed())
            for call in (lambda: near.recv(1), lock.acquire, lambda: time.sleep(100)):
                for sleep in (time.sleep, greenhub.sleep):
                    order.clear()
                    thread = greenhub.spawn(waits, call)
                    greenhub.sleep(0)
                    greenhub.spawn(sends, thread)
                    sleep(0.01)
                    thread.wait()
                    assert order == [root, "killed"], order
        """)

    def test_a_handler_does_not_wait_for_the_end_of_the_main_codes_next_wait(self) -> None:
        self.run_patched("""
            from greenhub import _core
            def handler(number, frame):
                raise KeyError(number)
            signal.signal(signal.SIGUSR1, handler)
            def wakes(ident):
                # The main code is ready when the signal comes, and does not run.
                _core.unpark(ident)
                os.kill(os.getpid(), signal.SIGUSR1)
            for sleep in (_core.sleep, time.sleep):
                start = time.monotonic()
                greenhub.spawn(wakes, _core.ident())
                try:
                    _core.park(), sleep(20)
                    raise AssertionError("not handled")
                except KeyError:
                    assert time.monotonic() - start < 10
        """)

    def test_interrupt_main_is_the_main_codes_alone(self) -> None:
        self.run_patched("""
            caught = []
            def waits():
                try:
                    near.recv(1)
                except BaseException as error:
                    caught.append(error)
            def interrupts(thread, error):
                _thread.interrupt_main()
                thread.kill(error)
            for _ in range(10):
                error = Killed()
                thread = greenhub.spawn(waits)
                greenhub.sleep(0)
                greenhub.spawn(interrupts, thread, error)
                try:
                    greenhub.sleep(20)
                    raise AssertionError("not interrupted")
                except KeyboardInterrupt:
                    thread.wait()
                assert caught.pop() is error and not caught
        """)

    def test_a_kill_waits_for_main_code_that_handles_no_signals_yet(self) -> None:
        self.run_patched("""
            # An OS thread's green thread, while the main thread computes with a signal to handle.
            from greenhub import _threads
            handled, caught, ready = [], [], []
            signal.signal(signal.SIGUSR1, lambda number, frame: handled.append(len(caught)))
            def waits():
                try:
                    near.recv(1)
                except Killed:
                    caught.append(len(handled))
            def other():
                # Not on the main thread: this one has another hub.
                thread = greenhub.spawn(waits)
                greenhub.sleep(0)
                signal.pthread_kill(_thread.get_ident(), signal.SIGUSR1)
                thread.kill(Killed())
                thread.wait()
                ready.append(True)
            _threads.start_os_thread(other, ())
            until = time.monotonic() + 30
            while not ready and time.monotonic() < until:
                pass
            assert (handled, caught) == ([0], [1]), (handled, caught)
        """)

    def test_a_child_of_a_fork_is_killed_as_its_parent_was(self) -> None:
        self.run_patched("""
            signal.signal(signal.SIGUSR1, lambda number, frame: None)
            def waits():
                try:
                    near.recv(1)
                except Killed:
                    return "killed"
            def kills():
                os.kill(os.getpid(), signal.SIGUSR1)
                thread = greenhub.spawn(waits)
                greenhub.sleep(0.001)
                thread.kill(Killed())
                with greenhub.Timeout(20):
                    return thread.wait()
            assert kills() == "killed"
            os.kill(os.getpid(), signal.SIGUSR1)
            child = os.fork()
            if child == 0:
                os._exit(0 if kills() == "killed" else 1)
            assert os.waitpid(child, 0)[1] == 0 and kills() == "killed"
        """)


if __name__ == "__main__":
    unittest.main()
