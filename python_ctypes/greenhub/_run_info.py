"""What every thread of the process does now, with its Python stack, for people."""

from __future__ import annotations

import sys
import threading
import traceback
from types import FrameType
from typing import IO, Any, Iterator

from . import _core
from ._threads import GREEN

#: An id's number of the hub, and with it of the OS thread, begins at this bit.
_HUB = 49


class Seen:
    """One green thread, as it was found."""

    def __init__(
        self, ident: int, thread: Any, frame: FrameType | None, status: str | None
    ) -> None:
        self.ident = ident
        self.frame = frame
        #: What it does or waits for; that of another OS thread's is not known.
        self.status = "belongs to another OS thread" if status is None else status
        self.name = _name(ident, thread)

    def lines(self, stacks: bool, limit: int | None) -> list[str]:
        title = "  %s (hub %d): %s" % (self.name, self.ident >> _HUB, self.status)
        if self.frame is None:
            return [title + ", not started"]
        return [title] + (_stack(self.frame, limit) if stacks else [])


def _name(ident: int, thread: Any) -> str:
    name = getattr(thread, "name", None)
    if name is None:
        active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
        standard = active.get(ident | GREEN)
        name = "thread-%d" % ident if standard is None else "%s-%d" % (standard.name, ident)
    return str(name)


def _stack(frame: FrameType, limit: int | None) -> list[str]:
    entries = traceback.format_list(traceback.extract_stack(frame, limit))
    return ["  " + line for entry in entries for line in entry.rstrip("\n").split("\n")]


def green_threads() -> list[Seen]:
    """All of the process but roots, the oldest first."""
    return [Seen(*row) for row in _core.census()]


def _os_threads() -> Iterator[tuple[str, FrameType]]:
    # Where several states have one ident the oldest is given, which is the OS thread's own.
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        if ident < GREEN:
            yield "%s (%d)" % (names.get(ident, "OS thread"), ident), frame


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
    for name, frame in _os_threads():
        lines.append("  " + name)
        if thread_stacks:
            lines += _stack(frame, limit)
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
