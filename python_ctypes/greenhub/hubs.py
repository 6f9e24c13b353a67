"""What programs ask eventlet's hub for, as far as it means something here.

The hub is native, there is one for each OS thread, and nobody chooses between several. Hence
`use_hub` takes anything and `Hub` is no more than a place to schedule calls at.
"""

from __future__ import annotations

import errno
import select
from time import monotonic
from typing import Any, Callable
from weakref import WeakKeyDictionary

from . import _wire
from ._exceptions import Throwable, from_throw_args
from .greenthread import GreenletExit, GreenThread, getcurrent, spawn_after, spawn_after_local
from .timeout import Timeout

__all__ = ["Hub", "IOClosed", "Timer", "get_hub", "trampoline", "use_hub"]


class IOClosed(OSError):
    """What is waited for is closed."""


class Timer:
    """A call that is going to be made, by a green thread of its own."""

    def __init__(self, seconds: float, thread: GreenThread[Any]) -> None:
        """Not for callers: see `Hub.schedule_call_global`."""
        #: The time from its making to the call.
        self.seconds = seconds
        self._thread = thread
        self._cancelled = False

    @property
    def called(self) -> bool:
        """Whether the call was made, or prevented."""
        return self._cancelled or bool(self._thread) or self._thread.dead

    @property
    def pending(self) -> bool:
        """Whether it is still to be made."""
        return not self.called

    def cancel(self) -> None:
        """Prevents the call, if it has not begun. Does not suspend."""
        if self.pending:
            self._cancelled = True
            self._thread._throw(GreenletExit())


class Hub:
    """The calling OS thread's hub."""

    #: The clock of its timers, in seconds.
    clock = staticmethod(monotonic)

    def schedule_call_global(
        self, seconds: float, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Timer:
        """Has ``function(*args, **kwargs)`` called ``seconds`` from now. It may wait."""
        thread = spawn_after(seconds, function, *args, **kwargs)
        thread._detached = True
        return Timer(seconds, thread)

    def schedule_call_local(
        self, seconds: float, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Timer:
        """The same, but not if the calling green thread is dead by then."""
        thread = spawn_after_local(seconds, function, *args, **kwargs)
        thread._detached = True
        return Timer(seconds, thread)


_hubs: WeakKeyDictionary[GreenThread[Any], Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the calling OS thread, the same at each call."""
    return _hubs.setdefault(getcurrent()._root, Hub())


def use_hub(mod: Any = None) -> None:
    """Does nothing: there is one kind of hub.

    :param mod: what would be chosen in eventlet.
    """


def trampoline(
    fd: Any,
    read: bool | None = None,
    write: bool | None = None,
    timeout: float | None = None,
    timeout_exc: Throwable = Timeout,
    mark_as_closed: Callable[[], object] | None = None,
) -> None:
    """Suspends until a descriptor is ready, for drivers that wait for one of their own.

    :param fd: the descriptor, or what has a method ``fileno``.
    :param read: to be read; or
    :param write: to be written.
    :param timeout: for so many seconds at most; None for as long as it takes.
    :param timeout_exc: what is raised then, an exception or its class.
    :param mark_as_closed: called if the descriptor is closed.
    :raises ValueError: neither to be read nor to be written.
    :raises IOClosed: the descriptor is not open, or is closed meanwhile.
    """
    events = (select.POLLIN if read else 0) | (select.POLLOUT if write else 0)
    if not events:
        raise ValueError("to be read, or to be written?")
    try:
        _wire.wait(fd if isinstance(fd, int) else fd.fileno(), events, timeout)
    except OSError as error:
        if error.errno == errno.ETIMEDOUT:
            raise from_throw_args((timeout_exc,)) from None
        if error.errno == errno.EBADF:
            if mark_as_closed is not None:
                mark_as_closed()
            raise IOClosed(errno.EBADF, "the descriptor is closed") from None
        raise
