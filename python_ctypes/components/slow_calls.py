"""Fifty slow calls in fifty green threads: together they take little more than one of them.

A module of tests has two functions beside its tests: ``connect(address)`` makes a client, and
``slow(client, seconds)`` makes a call to which the server answers after so long.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import greenhub
from servers import missing

__all__ = ["SlowCalls", "Ticker", "cut_short", "driver", "together"]

_COUNT = 50
_SECONDS = 0.3
#: A server that counts milliseconds may answer one too early.
_LEAST = 0.95
#: What a busy machine may make of "little more than one". Their sum is ten times that.
_BAR = 5 * _SECONDS
_TRIES = 3
#: Of a test.
_LIMIT = 30.0
_CONTROL = str(Path(__file__).with_name("unpatched.py"))


def driver(name: str) -> Any:
    """Imports what is to be tested.

    :raises unittest.SkipTest: it is not installed; an AssertionError where CI=true.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing("%s: %s" % (name, error))


def together(count: int, function: Callable[..., object], *args: Any) -> list[Any]:
    """Calls a function in so many green threads at once; what it has returned in each."""
    threads = [greenhub.spawn(function, *args) for _ in range(count)]
    return [thread.wait() for thread in threads]


def cut_short(slow: Callable[[Any, float], object], client: Any) -> None:
    """Has a `Timeout` end a call of thirty seconds: at its time, and by the very instance."""
    begin = time.monotonic()
    try:
        with greenhub.Timeout(0.1) as timeout:
            slow(client, 30)
        raise AssertionError("it did not wait")
    except greenhub.Timeout as caught:
        assert caught is timeout
    assert 0.1 <= time.monotonic() - begin < 5


class Ticker:
    """A green thread that wants to run all the time, for as long as the ``with`` block lasts.

    ``ticks`` says how often it did, ``gap`` for how long it did not.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self.gap = 0.0

    def _run(self) -> None:
        last = time.monotonic()
        while True:
            greenhub.sleep(0.001)
            now = time.monotonic()
            self.ticks += 1
            self.gap = max(self.gap, now - last)
            last = now

    def __enter__(self) -> Ticker:
        self._thread = greenhub.spawn(self._run)
        greenhub.sleep(0)
        return self

    def __exit__(self, *_: object) -> None:
        ticks = self.ticks
        # Its last turn ends the gap that the block may have made.
        greenhub.sleep(0.005)
        self._thread.kill()
        self.ticks = ticks


class SlowCalls(unittest.TestCase):
    """What holds for every driver. Subclasses say whom it calls."""

    address: str

    @classmethod
    def setUpClass(cls) -> None:
        greenhub.monkey_patch()

    def setUp(self) -> None:
        # A test whose wait never ends is told of, instead of the whole run's limit.
        timeout = greenhub.Timeout(_LIMIT)
        self.addCleanup(timeout.cancel)

    def _module(self) -> ModuleType:
        return sys.modules[type(self).__module__]

    def test_fifty_slow_calls_take_little_more_than_one(self) -> None:
        module = self._module()
        clients = together(_COUNT, module.connect, self.address)
        took = []
        for _ in range(_TRIES):
            begin = time.monotonic()
            threads = [greenhub.spawn(module.slow, client, _SECONDS) for client in clients]
            for thread in threads:
                thread.wait()
            took.append(time.monotonic() - begin)
            self.assertGreaterEqual(took[-1], _LEAST * _SECONDS)
            if took[-1] < _BAR:
                break
        for client in clients:
            client.close()
        self.assertLess(min(took), _BAR, took)

    def test_unpatched_five_of_them_take_their_sum(self) -> None:
        command = [sys.executable, _CONTROL, str(self._module().__file__), self.address, "5", "0.1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        self.assertGreaterEqual(float(done.stdout), _LEAST * 5 * 0.1)
