"""Tells of a green thread that keeps its OS thread from the others, and by which line."""

from __future__ import annotations

import atexit
import sys
import threading
import traceback
from _thread import allocate_lock
from types import FrameType
from typing import Any, Callable, NamedTuple

from . import _core, _run_info, _threads, greenthread

#: Seconds. A shorter limit would make an ordinary turn of the system's scheduler a fault.
SHORTEST = 0.001

#: What this package has at the outer end of some green threads.
_RUNNERS = (greenthread._run_after.__code__, _threads._run.__code__)


class WatchdogReport(NamedTuple):
    """What `watchdog` tells of one stretch in which somebody kept an OS thread."""

    #: The green thread's name; that of the OS thread's own code is "root".
    name: str
    #: For how many seconds so far, at least.
    seconds: float
    #: The OS thread, as `threading.get_native_id` has it.
    os_thread: int
    #: Where it stands in Python, outermost first; None if that cannot be told.
    stack: traceback.StackSummary | None
    #: Why there is no ``stack``, or "".
    reason: str
    #: Where it stands in C, innermost first, if there is no ``stack``; "" if unknown.
    native: str

    def __str__(self) -> str:
        """Several lines: who, for how long, and where."""
        text = "greenhub: watchdog: %s keeps OS thread %d for %d ms now\n" % (
            self.name,
            self.os_thread,
            self.seconds * 1000,
        )
        if self.stack is None:
            return "%sno Python stack: %s\n%s" % (text, self.reason, self.native)
        return "%sTraceback (most recent call last):\n%s" % (text, "".join(self.stack.format()))


Callback = Callable[[WatchdogReport], object]


def _print(report: WatchdogReport) -> None:
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(str(report))
        stream.flush()
    except (OSError, ValueError):
        # Standard error is closed or gone: there is nobody left to tell.
        pass


def _name(told: dict[str, Any]) -> str:
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
    owner = told["owner"]
    if owner is None:
        owner = active.get(told["thread"] | _threads.GREEN)
    name = getattr(owner, "name", None)
    return name if isinstance(name, str) else told["name"] or "green thread %d" % told["thread"]


def _reason(told: dict[str, Any]) -> str:
    if told["late"]:
        return "the interpreter's lock was kept"
    if told["silent"]:
        return "its OS thread does not take the watchdog's signal"
    return "it runs no Python, or has gone on"


def _report(told: dict[str, Any]) -> WatchdogReport:
    frames = []
    # At once: the thread is stopped only as long as this one has the interpreter lock.
    frame: FrameType | None = told.pop("frame")
    with _run_info.no_garbage:
        while frame is not None:
            frames.append((frame, frame.f_lineno))
            frame = frame.f_back
    stack = None
    if frames and not told["late"]:
        others = [entry for entry in reversed(frames) if entry[0].f_code not in _RUNNERS]
        stack = traceback.StackSummary.extract(iter(others or reversed(frames)))
    return WatchdogReport(
        name=_name(told),
        seconds=told["kept"] / 1e9,
        os_thread=told["os_thread"],
        stack=stack,
        reason="" if stack is not None else _reason(told),
        native="" if stack is not None else told["native"],
    )


class _Teller:
    """An OS thread of Python's, which tells what the library's watchdog has found."""

    def __init__(self, number: int, callback: Callback | None) -> None:
        self._number = number
        self._callback = callback
        self._running = allocate_lock()
        self._running.acquire()
        _threads.start_os_thread(self._run, ())

    def _run(self) -> None:
        try:
            told = _core.next_report(self._number)
            while told is not None:
                # Printed by the library, which could not wait for the interpreter lock.
                if self._callback is not None or not told["late"]:
                    self._tell(_report(told))
                told = _core.next_report(self._number)
        finally:
            self._running.release()

    def _tell(self, report: WatchdogReport) -> None:
        try:
            (self._callback or _print)(report)
        except BaseException:
            sys.stderr.write("Exception in the callback of greenhub.watchdog:\n")
            traceback.print_exc()

    def join(self) -> None:
        # Not for ever, as a callback may wait for what its caller does.
        self._running.acquire(timeout=2)


_teller: _Teller | None = None


def watchdog(limit: float | None = 0.1, callback: Callback | None = None) -> None:
    """Tells of green threads that keep their OS thread, and so all others of it, from running.

    :param limit: seconds that one may do so, 0.001 at least; None or 0 to stop the watchdog. A
        second call changes both.
    :param callback: is called with a `WatchdogReport`, in an OS thread of its own, in which it may
        wait and use what other OS threads may use. Without one the report is printed on standard
        error.
    :raises ValueError: less than 0, not a number, or shorter than 0.001.
    :raises OSError: a watchdog of C code runs (gh_watchdog_start), or there is no OS thread left.

    Each such stretch is told of once, with the stack of Python on which the thread stands: in a
    call that blocks, or in a computation. If C code keeps the interpreter lock its stack in C is
    told, on standard error at once, to a callback as soon as the lock is free. What the system
    does not let run counts as well: choose the limit above what a busy machine takes.

    For all OS threads of the process. The child of `os.fork` has no watchdog. Does not suspend.
    """
    global _teller
    seconds = 0.0 if limit is None else float(limit)
    if seconds != 0 and not seconds >= SHORTEST:
        raise ValueError("a limit of %r seconds: 0.001 is the shortest" % (limit,))
    _core.unwatch()
    _teller = None
    if seconds != 0:
        _teller = _Teller(_core.watch(seconds, callback is None), callback)


@atexit.register
def _stop() -> None:
    # While the interpreter is there to which the teller wants to come back.
    teller = _teller
    if _core.unwatch() and teller is not None:
        teller.join()
