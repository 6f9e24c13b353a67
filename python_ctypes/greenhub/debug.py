"""Looking at a program that runs."""

from __future__ import annotations

import linecache
import sys
import threading
from types import FrameType
from typing import Any, Callable, Container

from . import _failures, threadpool

__all__ = [
    "hub_exceptions",
    "hub_prevent_multiple_readers",
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


def hub_prevent_multiple_readers(state: bool = True) -> None:
    """Does nothing: any number of green threads may wait for one descriptor, and are served in
    the order in which they came."""


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
