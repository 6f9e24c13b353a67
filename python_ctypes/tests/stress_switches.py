#!/usr/bin/env python3
"""Random switches between green threads beside busy OS threads, with what a switch must not mix up.

Usage: stress_switches.py [SECONDS [SEED]]. The last line counts; whatever is wrong is a traceback
and status 1. ``make stress-switches`` runs it with ``-X dev``.
"""

from __future__ import annotations

import contextvars
import ctypes
import gc
import os
import random
import sys
import threading
import time
import traceback
import warnings
from typing import Any, Callable, Generator

import greenhub
from greenhub import debug

VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=-1)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
LIBC = ctypes.CDLL(None)

failures: list[str] = []


class Expected(Exception):
    """Raised on purpose."""


class Switches:
    """The operations of one OS thread's hub."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0
        self.stop = False
        self.queue: greenhub.Queue[object] = greenhub.Queue()
        self.operations: list[Callable[[], None]] = [
            self.switch,
            self.raises_across,
            self.generates,
            self.recurses,
            self.has_variables,
            self.calls_back,
            self.finalizes,
            self.times_out,
            self.spawns,
            self.is_killed,
            self.hands_over,
            self.waits_beneath,
        ]

    def switch(self) -> None:
        self.count += 1
        if self.random.random() < 0.98:
            greenhub.sleep(0)
        else:
            greenhub.sleep(self.random.random() / 1000)

    def raises_across(self) -> None:
        error = Expected(self.count)
        try:
            try:
                self.switch()
                raise error
            finally:
                self.switch()
                assert sys.exc_info()[1] is error
        except Expected as caught:
            self.switch()
            assert caught is error and sys.exc_info()[1] is error
            try:
                self.switch()
                raise KeyError
            except KeyError as other:
                self.switch()
                assert other.__context__ is error
        assert sys.exc_info()[1] is None

    def generates(self) -> None:
        def numbers(up_to: int) -> Generator[int, None, None]:
            for number in range(up_to):
                self.switch()
                try:
                    yield number
                finally:
                    self.switch()

        assert list(numbers(4)) == [0, 1, 2, 3]
        unfinished = numbers(4)
        assert next(unfinished) == 0
        unfinished.close()

    def recurses(self) -> None:
        def deeper(left: int) -> int:
            if left == 0:
                self.switch()
                return 0
            if left % 40 == 0:
                self.switch()
            return 1 + deeper(left - 1)

        depth = self.random.randrange(10, 200)
        assert deeper(depth) == depth

    def has_variables(self) -> None:
        def within(value: int) -> None:
            VARIABLE.set(value)
            for _ in range(3):
                self.switch()
                assert VARIABLE.get() == value

        before = VARIABLE.get()
        contextvars.copy_context().run(within, self.count)
        assert VARIABLE.get() == before

    def calls_back(self) -> None:
        """C code in between, whose callbacks switch and nest."""
        numbers = [self.random.randrange(1000) for _ in range(4)]
        nest = self.random.random() < 0.3

        def compare(one: Any, other: Any) -> int:
            self.switch()
            if nest and self.random.random() < 0.1:
                self.calls_back()
            return int(one[0]) - int(other[0])

        array = (ctypes.c_int * 4)(*numbers)
        LIBC.qsort(array, 4, ctypes.sizeof(ctypes.c_int), COMPARE(compare))
        assert list(array) == sorted(numbers)

    def finalizes(self) -> None:
        """A destructor that switches, run by the collector."""
        hub = self

        class Cycle:
            def __init__(self) -> None:
                self.itself = self

            def __del__(self) -> None:
                hub.switch()

        Cycle()
        if self.random.random() < 0.02:
            gc.collect()

    def times_out(self) -> None:
        with greenhub.Timeout(0.0005, False) as timeout:
            greenhub.sleep(0.0002 if self.random.random() < 0.5 else 10)
            timeout.cancel()

    def spawns(self) -> None:
        def child(value: int) -> int:
            self.switch()
            if value % 3 == 0:
                raise Expected(value)
            return value

        thread = greenhub.spawn(child, self.count)
        value = self.count
        try:
            assert thread.wait() % 3 != 0
        except Expected as error:
            assert error.args[0] % 3 == 0, value

    def is_killed(self) -> None:
        error = Expected("killed")
        caught: list[BaseException] = []

        def victim() -> None:
            try:
                greenhub.sleep(10)
            except Expected as exception:
                caught.append(exception)
                self.switch()

        thread = greenhub.spawn(victim)
        greenhub.sleep(0)
        thread.kill(error)
        thread.wait()
        assert caught == [error]

    def hands_over(self) -> None:
        if self.queue.qsize() > 0:
            assert self.queue.get() is not None
        else:
            self.queue.put(object())

    def waits_beneath(self) -> None:
        """In functions of libc's, where nothing is attached. Rarely: each time the busy OS threads
        have their turns before this one gets the interpreter lock back."""
        if self.random.random() < 0.95:
            self.switch()
        elif self.random.random() < 0.5:
            time.sleep(self.random.random() / 2000)
        else:
            reader, writer = os.pipe()
            thread = greenhub.spawn(os.write, writer, b"x")
            assert os.read(reader, 1) == b"x"
            assert thread.wait() == 1
            os.close(reader)
            os.close(writer)

    def work(self) -> None:
        try:
            while not self.stop:
                self.random.choice(self.operations)()
        except BaseException:
            failures.append(traceback.format_exc())
            self.stop = True

    def run(self, seconds: float, threads: int, forks: bool) -> None:
        workers = [greenhub.spawn(self.work) for _ in range(threads)]
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stop:
            greenhub.sleep(0.3)
            if forks:
                fork()
        self.stop = True
        for worker in workers:
            worker.wait()


def fork() -> None:
    """A child, whose only thread switches a little and leaves."""
    child = os.fork()
    if child == 0:
        for _ in range(100):
            greenhub.spawn(greenhub.sleep, 0).wait()
        os._exit(7)
    _, status = os.waitpid(child, 0)
    if status != 7 << 8:
        failures.append("a child has ended with status %#x" % status)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    print("seed %d" % seed, flush=True)
    greenhub.monkey_patch(thread=False, all=True)
    # That a process with several OS threads forks is what is tried here.
    warnings.simplefilter("ignore", DeprecationWarning)
    # The collector runs where it is called: a destructor in between would swallow a kill or a
    # timeout that is meant for what it interrupts.
    gc.disable()
    over = threading.Event()
    shares = [0, 0]

    def spin(number: int) -> None:
        while not over.is_set():
            shares[number] += 1

    here, there = Switches(seed), Switches(seed + 1)
    others = [threading.Thread(target=spin, args=(number,)) for number in range(2)]
    others.append(threading.Thread(target=there.run, args=(seconds, 50, False)))
    for other in others:
        other.start()
    here.run(seconds, 200, True)
    others[-1].join()
    over.set()
    for other in others[:-1]:
        other.join()
    # Destructors that switch may not be left to the interpreter's end, where nothing switches.
    gc.collect()
    for failure in failures:
        sys.stderr.write(failure + "\n")
    if not all(shares):
        sys.stderr.write("an OS thread has starved: %r\n" % shares)
        return 1
    counts = (here.count, there.count, debug.keeps_gil(), seconds)
    print("%d and %d switches, keeps_gil() is %s, %.0f s" % counts)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
