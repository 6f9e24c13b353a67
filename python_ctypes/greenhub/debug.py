"""Looking at a program that runs.

``signal.signal(signal.SIGUSR1, lambda *_: debug.print_run_info())`` has ``kill -USR1`` print where
each thread stands; `greenhub.backdoor` gives a prompt inside the program.
"""

from __future__ import annotations

import linecache
import sys
import threading
from types import FrameType
from typing import Any, Callable, Container

from . import _core, _failures, threadpool
from ._run_info import format_run_info, green_threads, print_run_info

__all__ = [
    "format_hub_listeners",
    "format_hub_timers",
    "format_run_info",
    "format_threads_info",
    "hub_exceptions",
    "hub_listener_stacks",
    "hub_prevent_multiple_readers",
    "hub_timer_stacks",
    "keeps_gil",
    "print_run_info",
    "spew",
    "tpool_exceptions",
    "unspew",
]

Tracer = Callable[[FrameType, str, Any], Any]


def hub_exceptions(state: bool = True) -> None:
    """Whether exceptions that nobody takes are reported. They are, unless this says otherwise."""
    _failures.enable(state)


def tpool_exceptions(state: bool = False) -> None:
    """Whether exceptions of calls in OS threads are reported there too, besides being raised in
    the green thread that waits for the call. They are not, unless this says otherwise."""
    threadpool.report_exceptions = state


def _format(word: str) -> str:
    return "\n".join(
        line for seen in green_threads() if word in seen.status for line in seen.lines(True, None)
    )


def format_hub_listeners() -> str:
    """Who waits for which descriptor, with their stacks: the calling OS thread's green threads."""
    return _format(" descriptor")


def format_hub_timers() -> str:
    """Who has a deadline, and how far off it is: the calling OS thread's green threads."""
    return _format(" ms left")


def format_threads_info() -> str:
    """What every OS thread of the process does, and every green thread, without their stacks."""
    return "\n".join(format_run_info(greenlet_stacks=False))


def hub_listener_stacks(state: bool = False) -> None:
    """Does nothing: `format_hub_listeners` has stacks in any case."""


def hub_timer_stacks(state: bool = False) -> None:
    """Does nothing: `format_hub_timers` has stacks in any case."""


def hub_prevent_multiple_readers(state: bool = True) -> None:
    """Does nothing: any number of green threads may wait for one descriptor, and are served in
    the order in which they came."""


def keeps_gil() -> bool | None:
    """Whether the interpreter lock is kept when one green thread of an OS thread follows another.

    False from 3.12 on where the interpreter is not built as this package knows it, or where the
    environment variable ``GREENHUB_KEEP_GIL`` was ``0``: then each switch lets go of the lock and
    takes it again, which beside busy OS threads costs many times as much, and nothing else differs.

    :returns: None before the first wait or green thread, when that is found out
    """
    return _core.keeps_gil()


def spew(trace_names: Container[str] | None = None, show_values: bool = False) -> None:
    """Prints each line of Python to ``sys.stdout`` as it is run, very slowly.

    :param trace_names: of these modules only; None for all.
    :param show_values: whether to print the variables that the line names.

    For the calling thread, and for OS threads that are started later.
    """
    tracer = _tracer(trace_names, show_values)
    threading.settrace(tracer)
    sys.settrace(tracer)


def unspew() -> None:
    """Ends `spew`."""
    threading.settrace(None)  # type: ignore[arg-type]
    sys.settrace(None)


def _tracer(trace_names: Container[str] | None, show_values: bool) -> Tracer:
    def trace(frame: FrameType, event: str, argument: Any) -> Tracer | None:
        module = frame.f_globals.get("__name__", "?")
        if trace_names is not None and module not in trace_names:
            return None
        if event == "line":
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).rstrip()
            text = "%s:%d: %s" % (module, frame.f_lineno, line)
            if show_values:
                variables = {**frame.f_globals, **frame.f_locals}
                named = [name for name in frame.f_code.co_varnames if name in line]
                text += "".join(
                    "\n\t%s = %r" % (name, variables[name]) for name in named if name in variables
                )
            print(text)
        return trace

    return trace
