"""Threads of the standard library as green threads.

Up to 3.12 `_thread.start_new_thread` starts a thread, and the end of its thread state releases the
lock that `threading.Thread.join` waits for; a green thread has a state of its own, so that this
holds as it is. From 3.13 on a handle tells the end, which only `_thread` can make: ours stands in
for it.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from time import monotonic
from typing import Any, Callable

from . import _child, _core
from ._exceptions import GreenletExit
from ._thread_object import told_instead

#: As the interpreter had it, for who wants an OS thread in spite of all.
start_os_thread = _thread.start_new_thread

#: What `_thread.get_ident` gives in a green thread: its id, with a bit that no OS thread's has.
GREEN = 1 << 62


#: SIGCANCEL of glibc.
_UNUSED = 32


def know_apart() -> None:
    """Has `threading` forget a green thread when it ends, as it does itself from 3.13 on.

    `current_thread` keeps an object for each ident that it was ever asked about.
    """
    active: dict[int, Any] = threading._active  # type: ignore[attr-defined]
    get_ident = _thread.get_ident

    def forget() -> None:
        ident = get_ident()
        # One that stands in for the main thread has its ident.
        if ident != threading.main_thread().ident:
            active.pop(ident, None)

    if sys.version_info < (3, 13):
        _core.at_end(forget)


def hear() -> None:
    """Has exceptions be raised in green threads that wait in the standard library.

    A call of libc's that is interrupted lets handlers of signals run. The handler of a signal that
    nobody can send, as libc keeps it for itself, raises what was thrown into the running thread.
    """
    _core.claim(threading.main_thread().ident or 0)
    try:
        signal.signal(_UNUSED, _core.raise_thrown)
    finally:
        _core.claim(0)


def _report(function: Callable[..., object]) -> None:
    """What `_thread` does with an exception that leaves a thread's function."""
    value = sys.exc_info()[1]
    if value is not None:
        value = told_instead(value)
    hook = getattr(sys, "unraisablehook", None)
    if hook is not None and value is not None and not isinstance(value, (SystemExit, GreenletExit)):
        hook(_Unraisable(type(value), value, value.__traceback__, function))


def _report_of_thread(function: Callable[..., object]) -> None:
    """Has `threading` report what a thread of its own ends by, as `_report` does: what was thrown
    rather than what a driver made of it, and no `GreenletExit`. It catches the exception itself."""
    started: Any = getattr(function, "__self__", None)
    invoke: Any = getattr(started, "_invoke_excepthook", None)
    if invoke is None or not isinstance(started, threading.Thread):
        return

    def report(thread: threading.Thread) -> None:
        error = sys.exc_info()[1]
        if error is None:
            return
        ended_by = told_instead(error)
        if ended_by is error and not isinstance(error, GreenletExit):
            invoke(thread)
        elif not isinstance(ended_by, GreenletExit):
            try:
                raise ended_by
            except BaseException:
                invoke(thread)

    hooked: Any = started
    hooked._invoke_excepthook = report


class _Unraisable:
    """What `sys.unraisablehook` gets."""

    err_msg = "Exception ignored in thread started by"

    def __init__(self, kind: type, value: object, traceback: object, function: object) -> None:
        self.exc_type = kind
        self.exc_value = value
        self.exc_traceback = traceback
        self.object = function


def _run(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], at_end: Any
) -> None:
    try:
        _report_of_thread(function)
        function(*args, **kwargs)
    except BaseException:
        _report(function)
    finally:
        if at_end is not None:
            at_end()
        _child.leave(None)


def start_new_thread(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, /
) -> int:
    """`_thread.start_new_thread`, with a green thread of the calling OS thread."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    return _core.spawn(None, _run, (function, args, kwargs or {}, None), None) | GREEN


class Handle:
    """`_thread._ThreadHandle` of 3.13 and later, for green threads."""

    def __init__(self) -> None:
        self.ident: int = 0
        self._done = False
        self._waiting: list[int] = []

    def __repr__(self) -> str:
        return "<%s object: ident=%d>" % (type(self).__name__, self.ident)

    def is_done(self) -> bool:
        return self._done

    def _set_done(self) -> None:
        self._done = True
        _not_daemons.discard(self)
        waiting, self._waiting = self._waiting, []
        for ident in waiting:
            _core.unpark(ident)

    def join(self, timeout: float | None = None) -> None:
        """Waits for the end, or so many seconds at most; less than 0 is no limit. Suspends."""
        if self.ident == _thread.get_ident() and not self._done:
            raise RuntimeError("Cannot join current thread")
        if timeout is not None and timeout < 0:
            timeout = None
        deadline = None if timeout is None else monotonic() + timeout
        me = _core.ident()
        self._waiting.append(me)
        try:
            # It may have ended in another OS thread before it could know of us.
            while not self._done:
                left = None if deadline is None else max(0.0, deadline - monotonic())
                if not _core.park(left) and left is not None:
                    break
        finally:
            if me in self._waiting:
                self._waiting.remove(me)


def _start_joinable_thread(
    function: Callable[[], object], handle: Any = None, daemon: bool = True
) -> Any:
    """`_thread.start_joinable_thread` of 3.13 and later, with a green thread."""
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is None:
        handle = Handle()
    if not isinstance(handle, Handle):
        # Made before the patch: an OS thread's.
        return _start_joinable_os_thread(function, handle=handle, daemon=daemon)
    if handle.ident or handle._done:
        raise RuntimeError("thread already started")
    handle.ident = _core.spawn(None, _run, (function, (), {}, handle._set_done), None) | GREEN
    if not daemon:
        _not_daemons.add(handle)
    return handle


_start_joinable_os_thread: Any = getattr(_thread, "start_joinable_thread", None)
_not_daemons: set[Handle] = set()


def _shutdown() -> None:
    """Waits for what is not daemonic, as `_thread._shutdown` does."""
    while _not_daemons:
        _not_daemons.pop().join()
    _os_shutdown()


_os_shutdown: Any = getattr(_thread, "_shutdown", None)


def start_green() -> None:
    """From now on `threading.Thread` and `_thread.start_new_thread` start green threads."""
    module: Any = threading
    low: Any = _thread
    low.start_new_thread = low.start_new = start_new_thread
    if sys.version_info < (3, 13):
        module._start_new_thread = start_new_thread
        return
    low.start_joinable_thread = module._start_joinable_thread = _start_joinable_thread
    low._ThreadHandle = module._ThreadHandle = Handle
    low._shutdown = module._thread_shutdown = _shutdown
