"""What programs ask eventlet's hub for, as far as it means something here.

The hub is native, there is one for each OS thread, and nobody chooses between several. Hence
`use_hub` takes anything and `Hub` is no more than a place to schedule calls at.
"""

from __future__ import annotations

from errno import EBADF
from select import POLLIN, POLLOUT
from time import monotonic
from typing import Any, Callable
from weakref import WeakKeyDictionary

from . import _core
from ._exceptions import Throwable, from_throw_args
from .greenthread import GreenletExit, GreenThread, getcurrent, spawn_after, spawn_after_local
from .timeout import Timeout

__all__ = [
    "Hub",
    "IOClosed",
    "Timer",
    "get_hub",
    "notify_close",
    "notify_opened",
    "trampoline",
    "use_hub",
]


class IOClosed(OSError):
    """A descriptor was closed while it was waited for."""


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
    read: Any = None,
    write: Any = None,
    timeout: float | None = None,
    timeout_exc: Throwable = Timeout,
    mark_as_closed: Callable[[], object] | None = None,
) -> None:
    """Waits until a descriptor can be read from, or written to, or either if both are asked for.

    :param fd: the descriptor, or what has a ``fileno()``. Any number of threads may wait for it.
    :param read: whether to wait for something to read, or for the end.
    :param write: whether to wait for room to write.
    :param timeout: in seconds; None for as long as it takes.
    :param timeout_exc: raised when the time is over: an instance, or a class to be called without
        arguments.
    :param mark_as_closed: called, before IOClosed is raised, if the descriptor was closed.
    :raises IOClosed: it is not open, or somebody has closed it meanwhile.
    :raises ValueError: neither ``read`` nor ``write`` was asked for.

    Suspends.
    """
    events = (POLLIN if read else 0) | (POLLOUT if write else 0)
    if not events:
        raise ValueError("trampoline() waits for read or for write")
    fileno = fd if isinstance(fd, int) else fd.fileno()
    try:
        if _core.wait_fd(fileno, events, timeout):
            return
    except OSError as error:
        if error.errno != EBADF:
            raise
        if mark_as_closed is not None:
            mark_as_closed()
        raise IOClosed(error.errno, error.strerror) from None
    raise from_throw_args((timeout_exc,))


def notify_close(fd: int) -> None:
    """Says that a descriptor was closed, or will be at once: who waits for it gets `IOClosed`.

    Needed only of what is closed by a function that tells nobody: an own socket does, and so does
    everything once the program is patched.
    """
    _core.adopt(fd)


def notify_opened(fd: int) -> None:
    """Says that a descriptor is new: who still waits for its number gets `IOClosed`."""
    _core.adopt(fd)
