"""Time slices for green threads that compute.

An OS thread of the library's looks who runs for longer than a slice, and asks for the interpreter
lock as a thread of Python's would. The interpreter gives it up between two instructions; there the
green thread is left as if it had waited, and goes on when its turn has come again.
"""

from __future__ import annotations

import os
import signal
import sys
from types import CodeType, FrameType
from typing import Any

from . import _core, patcher

#: Seconds. A shorter slice would go by before the system has switched between two OS threads.
SHORTEST = 0.001

_interval = 0.0

# An exception that came here would leave what is kept in turns half done. The import system and
# `threading` have no try around each step either.
_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_UNCUT = (_OWN, os.path.abspath(os.__file__)[: -len("os.py")] + "threading.py", "<frozen importlib")


def _handlers() -> set[CodeType]:
    """The code of the functions that handle signals."""
    codes = set()
    for number in range(1, signal.NSIG):
        try:
            handler: Any = signal.getsignal(number)
        except ValueError:
            continue
        # A function, one in a functools.partial, a method, or an object that can be called.
        handler = getattr(handler, "func", handler)
        handler = getattr(handler, "__func__", handler)
        code = getattr(handler, "__code__", None)
        if code is None:
            # An object that can be called: what a call calls, as a method.
            code = getattr(getattr(handler, "__call__", None), "__code__", None)  # noqa: B004
        if isinstance(code, CodeType):
            codes.add(code)
    return codes


def _may(ident: int, throws: bool) -> bool:
    """Whether a thread that stands between two instructions may be left there, or cut short.

    Asked by the library, in a thread state of its own: the thread's is not in use.
    """
    frame: FrameType | None = sys._current_frames().get(ident)
    if frame is None:
        return not throws
    if throws and frame.f_code.co_filename.startswith(_UNCUT):
        return False
    handlers = _handlers()
    while frame is not None:
        code = frame.f_code
        if code in handlers or (throws and code.co_name == "__del__"):
            return False
        frame = frame.f_back
    return True


# What the interpreter raises in the running thread: called, it gives the very exception.
_Thrown = type("_Thrown", (BaseException,), {"__new__": _core.take_thrown})


def preempt(interval: float | None = 0.01) -> None:
    """Lets green threads take turns that compute without waiting; off until this is called.

    :param interval: seconds that one may run while others could, 0.001 at least; None or 0 for no
        limit, as it was before. A second call changes it.
    :raises ValueError: less than 0, not a number, or shorter than 0.001.
    :raises OSError: the process cannot be patched (see `greenhub.monkey_patch`), or has no OS
        thread left to give.

    From then on any code of Python's may be interrupted between two instructions, as in a program
    with OS threads, and wants locks where it would want them there. Those of `threading` suspend
    green threads, as after ``monkey_patch(thread=True)``, and stay so. Code in C is not
    interrupted, nor is a handler of a signal while it runs.

    An exception of `kill` or `Timeout` reaches a thread that computes, at the end of its slice:
    the very instance. Finalizers and handlers of signals are not cut short by it. A thread that
    began before the first call of this and of `monkey_patch` gets it at its next wait, and so does
    the main code while there are such threads.

    For all OS threads of the process and, after `os.fork`, for those of the child. Does not
    suspend.
    """
    global _interval
    seconds = 0.0 if interval is None else float(interval)
    if seconds != 0 and not seconds >= SHORTEST:
        raise ValueError("a slice of %r seconds: 0.001 is the shortest" % (interval,))
    if seconds != 0:
        patcher.serve_locks()
    _core.preempt(seconds, _may, _Thrown)
    _interval = seconds


def _in_child() -> None:
    if _interval != 0:
        _core.preempt(_interval, _may, _Thrown)


os.register_at_fork(after_in_child=_in_child)
