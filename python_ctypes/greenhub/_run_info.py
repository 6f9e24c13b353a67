"""What every thread of the process does now, with its Python stack, for people."""

from __future__ import annotations

import gc
import sys
import threading
import traceback
from types import CodeType, FrameType
from typing import IO, Any, List, Tuple

from . import _core
from ._threads import GREEN

#: An id's number of the hub, and with it of the OS thread, begins at this bit.
_HUB = 49

#: Where a function stands: its code and the line.
_Stack = List[Tuple[CodeType, int]]


class Seen:
    """One green thread, as it was found."""

    def __init__(self, ident: int, thread: Any, stack: _Stack | None, status: str | None) -> None:
        self.ident = ident
        #: None for one that has not started.
        self.stack = stack
        #: What it does or waits for; that of another OS thread's is not known.
        self.status = "belongs to another OS thread" if status is None else status
        self.name = _name(ident, thread)

    def lines(self, stacks: bool, limit: int | None) -> list[str]:
        title = "  %s (hub %d): %s" % (self.name, self.ident >> _HUB, self.status)
        if self.stack is None:
            return [title + ", not started"]
        return [title] + (_format(self.stack, limit) if stacks else [])


def _name(ident: int, thread: Any) -> str:
    name = getattr(thread, "name", None)
    if name is None:
        active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
        standard = active.get(ident | GREEN)
        name = "thread-%d" % ident if standard is None else "%s-%d" % (standard.name, ident)
    return str(name)


def _walk(frame: FrameType | None) -> _Stack:
    """The innermost first. Keeps no frame."""
    stack = []
    while frame is not None:
        stack.append((frame.f_code, frame.f_lineno or 0))
        frame = frame.f_back
    return stack


def _format(stack: _Stack, limit: int | None) -> list[str]:
    found = [
        traceback.FrameSummary(code.co_filename, line, code.co_name) for code, line in stack[:limit]
    ]
    entries = traceback.StackSummary.from_list(found[::-1]).format()
    return ["  " + line for entry in entries for line in entry.rstrip("\n").split("\n")]


class _NoGarbage:
    """Keeps the garbage collector from running while frames of other threads are walked.

    To ask for a frame makes an object in 3.11, which may start a collection, whose finalizers may
    let the frame's own thread go on and leave it meanwhile: the interpreter crashes then, with OS
    threads as with green ones. Several may look at once; a handler of a signal may between any two
    lines here, and leaves things as it found them.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        with self._lock:
            was_enabled = gc.isenabled()
            gc.disable()
            self._users += 1
            self._was_enabled = self._was_enabled or was_enabled

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._was_enabled:
                gc.enable()
                self._was_enabled = False


no_garbage = _NoGarbage()


def green_threads() -> list[Seen]:
    """All of the process but roots, the oldest first."""
    with no_garbage:
        rows = [
            (ident, thread, None if frame is None else _walk(frame), status)
            for ident, thread, frame, status in _core.census()
        ]
    return [Seen(*row) for row in rows]


def _os_threads() -> list[tuple[str, _Stack]]:
    # Where several states have one ident the oldest is given, which is the OS thread's own.
    with no_garbage:
        frames = sys._current_frames()
        stacks = [(ident, _walk(frames.pop(ident))) for ident in list(frames) if ident < GREEN]
        del frames
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return [("%s (%d)" % (names.get(ident, "OS thread"), ident), stack) for ident, stack in stacks]


def format_run_info(
    thread_stacks: bool = True, greenlet_stacks: bool = True, limit: int | None = None
) -> list[str]:
    """What every OS thread and every green thread of the process does, as lines of text.

    :param thread_stacks: whether to give the Python stacks of OS threads, which are those of their
        own code: a root that waits stands where it waits.
    :param greenlet_stacks: whether to give those of green threads.
    :param limit: of each stack so many entries, the innermost; None for all.

    Of the green threads of the calling OS thread it is said what they wait for, and for how long.
    Does not suspend. It may be called anywhere, in a handler of a signal too.
    """
    lines = ["OS threads:"]
    for name, stack in _os_threads():
        lines.append("  " + name)
        if thread_stacks:
            lines += _format(stack, limit)
    found = green_threads()
    lines.append("Green threads: %d" % len(found))
    for seen in found:
        lines += seen.lines(greenlet_stacks, limit)
    return lines


def print_run_info(
    thread_stacks: bool = True,
    greenlet_stacks: bool = True,
    limit: int | None = None,
    file: IO[str] | None = None,
) -> None:
    """Prints `format_run_info`.

    :param file: where to; ``sys.stderr`` if None.
    """
    lines = format_run_info(thread_stacks, greenlet_stacks, limit)
    print("\n".join(lines), file=sys.stderr if file is None else file)
