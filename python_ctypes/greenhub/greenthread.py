"""Green threads: functions that run in turn on the calling OS thread, each on a stack of its own.

`spawn` makes one and returns at once; the new thread runs when the caller first waits. Threads
are never interrupted between two waits (unless preemption was asked for), so that code between
them needs no lock. The code of the OS thread itself, its *root*, is a green thread too: it may
wait as any other, and while it waits the others run.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, Callable, TypeVar

from . import _core
from ._exceptions import GreenletExit
from ._thread_object import RUNNING, GreenThread, getcurrent

__all__ = [
    "GreenThread",
    "GreenletExit",
    "cancel",
    "getcurrent",
    "kill",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_after_local",
    "spawn_n",
]

T = TypeVar("T")


# Bound once: it is most of what `spawn` does.
_start = GreenThread._start


def _run_after(
    thread: GreenThread[Any],
    deadline: float,
    parent: GreenThread[Any] | None,
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """What the core calls in a green thread that starts later, or is killed before."""
    # Preemption may come between the core's spawn and the spawner's own note of the id.
    thread._ident = _core.ident()
    try:
        left = deadline - monotonic()
        while left > 0 and not thread._doom:
            _core.park(left)
            left = deadline - monotonic()
        if thread._doom:
            raise thread._doom.pop()
        if parent is not None and parent.dead:
            raise GreenletExit("the thread that spawned this one is dead")
        thread._state = RUNNING
        thread._value = function(*args, **kwargs)
    except BaseException as error:
        thread._fail(error)
    thread._finish()
    if thread._root is thread:
        thread._leave()
    # The frames of a traceback refer to this one, which must not keep what it was about.
    del thread, function, args, kwargs


def sleep(seconds: float = 0) -> None:
    """Suspends the calling green thread.

    :param seconds: for at least so long; with 0, or less, every thread that is ready runs first.
    """
    _core.sleep(seconds)


def spawn(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> GreenThread[T]:
    """Makes a green thread that calls ``function(*args, **kwargs)``.

    It starts when the caller, and all who are ready before it, have waited. Its result is had by
    `GreenThread.wait`. Does not suspend.
    """
    return _start(function, args, kwargs)


def spawn_n(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> GreenThread[T]:
    """`spawn` of a thread that nobody is going to wait for: an exception is reported at once."""
    thread = spawn(function, *args, **kwargs)
    thread._detached = True
    return thread


def _spawn_later(
    seconds: float,
    parent: GreenThread[Any] | None,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> GreenThread[T]:
    thread: GreenThread[T] = GreenThread(function, getcurrent()._root)
    thread._delayed = True
    deadline = monotonic() + seconds
    thread._ident = _core.spawn(
        thread, _run_after, (thread, deadline, parent, function, args, kwargs), None
    )
    return thread


def spawn_after(
    seconds: float, function: Callable[..., T], /, *args: Any, **kwargs: Any
) -> GreenThread[T]:
    """`spawn` of a thread that starts ``seconds`` from now at the earliest.

    `GreenThread.cancel` prevents it until then; whoever waits for it gets `GreenletExit`.
    """
    return _spawn_later(seconds, None, function, args, kwargs)


def spawn_after_local(
    seconds: float, function: Callable[..., T], /, *args: Any, **kwargs: Any
) -> GreenThread[T]:
    """`spawn_after`, but the thread is cancelled if the calling one is dead by then."""
    return _spawn_later(seconds, getcurrent(), function, args, kwargs)


def kill(thread: GreenThread[Any], *throw_args: Any) -> None:
    """``thread.kill(*throw_args)``: see `GreenThread.kill`."""
    thread.kill(*throw_args)


def cancel(thread: GreenThread[Any], *throw_args: Any) -> None:
    """``thread.cancel(*throw_args)``: see `GreenThread.cancel`."""
    thread.cancel(*throw_args)
