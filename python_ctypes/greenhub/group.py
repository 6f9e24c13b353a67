"""Waiting for several green threads, and keeping them together. Known from gevent."""

from __future__ import annotations

from time import monotonic
from typing import Any, Callable, Iterable, Iterator, TypeVar

from . import _core
from ._exceptions import from_throw_args
from ._maps import Maps, Spawn
from .greenthread import GreenletExit, GreenThread, getcurrent, spawn
from .queue import Empty, LightQueue

__all__ = ["Group", "iwait", "joinall", "killall"]

T = TypeVar("T")


def iwait(
    threads: Iterable[GreenThread[T]], timeout: float | None = None, count: int | None = None
) -> Iterator[GreenThread[T]]:
    """Gives the threads as they end, those first that have ended already.

    :param timeout: stops after so many seconds in all; None for as long as it takes.
    :param count: stops after so many threads; None for all of them.

    Their results are had, and their exceptions taken, by ``wait()``. Each `next` suspends until a
    thread has ended. From any OS thread.
    """
    ended: LightQueue[GreenThread[T]] = LightQueue()
    links = [(thread, thread._when_done(ended.put)) for thread in threads]
    deadline = None if timeout is None else monotonic() + timeout
    try:
        for _ in range(len(links) if count is None else min(count, len(links))):
            try:
                yield ended.get(timeout=None if deadline is None else deadline - monotonic())
            except Empty:
                return
    finally:
        for thread, link in links:
            thread._discard(link)


def joinall(
    threads: Iterable[GreenThread[T]],
    timeout: float | None = None,
    raise_error: bool = False,
    count: int | None = None,
) -> list[GreenThread[T]]:
    """Waits for the end of threads.

    :param timeout: for so many seconds at most; None for as long as it takes.
    :param raise_error: whether to raise the exception of the first thread that ends by one.
        Otherwise exceptions are not looked at: whoever wants them calls ``wait()``.
    :param count: waits for so many threads only; None for all of them.
    :returns: the threads that have ended, in the order of their ends.

    Suspends unless they have ended. From any OS thread.
    """
    ended = []
    for thread in iwait(threads, timeout, count):
        if raise_error:
            thread.wait()
        ended.append(thread)
    return ended


def killall(
    threads: Iterable[GreenThread[Any]],
    exception: Any = GreenletExit,
    block: bool = True,
    timeout: float | None = None,
) -> None:
    """Raises an exception in every thread, as `GreenThread.kill` does in one.

    :param exception: an instance or a class.
    :param block: whether to wait for their ends.
    :param timeout: for so many seconds at most; None for as long as it takes.

    The calling thread is killed last, if it is among them. Suspends if it is to wait.
    """
    me = getcurrent()
    victims = [thread for thread in threads if not thread.dead]
    for thread in victims:
        if thread is not me:
            thread._throw(from_throw_args((exception,)))
    if block:
        joinall([thread for thread in victims if thread is not me], timeout)
    if me in victims:
        me.kill(exception)


class Group(Maps):
    """Green threads that are waited for, or killed, together; each leaves as it ends.

    Every method may be called from any OS thread.
    """

    def __init__(self, *threads: GreenThread[Any]) -> None:
        """
        :param threads: the first members.
        """
        self._members: set[GreenThread[Any]] = set()
        for thread in threads:
            self.add(thread)

    def __repr__(self) -> str:
        return "<%s at %#x, %d threads>" % (type(self).__name__, id(self), len(self))

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[GreenThread[Any]]:
        return iter(list(self._members))

    def __contains__(self, thread: object) -> bool:
        return thread in self._members

    def add(self, thread: GreenThread[Any]) -> None:
        """Makes a thread a member until it ends."""
        if thread not in self._members:
            self._members.add(thread)
            thread._when_done(self._members.discard)

    def discard(self, thread: GreenThread[Any]) -> None:
        """Makes a thread a member no more."""
        self._members.discard(thread)

    def spawn(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> GreenThread[T]:
        """`greenhub.spawn` of a member. Does not suspend."""
        thread = spawn(function, *args, **kwargs)
        self.add(thread)
        return thread

    def join(self, timeout: float | None = None, raise_error: bool = False) -> bool:
        """Waits until there are no members, those that are added meanwhile included.

        :param timeout: for so many seconds at most; None for as long as it takes.
        :param raise_error: whether to raise the exception of the first member that ends by one.
        :returns: whether there are none: False only if the time is over.
        :raises AssertionError: a member calls it, which would wait for itself.

        Suspends while there are members.
        """
        if getcurrent() in self._members:
            raise AssertionError("a member of the group cannot wait for the whole group")
        deadline = None if timeout is None else monotonic() + timeout
        while self._members:
            left = None if deadline is None else deadline - monotonic()
            members = list(self._members)
            if len(joinall(members, left, raise_error)) < len(members):
                return False
            if self._members:
                # Another OS thread has ended one, and has yet to take it out of the group.
                _core.sleep(0)
        return True

    def kill(
        self, exception: Any = GreenletExit, block: bool = True, timeout: float | None = None
    ) -> None:
        """`killall` of the members."""
        killall(list(self._members), exception, block, timeout)

    def killone(
        self,
        thread: GreenThread[Any],
        exception: Any = GreenletExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """`killall` of one thread, if it is a member."""
        if thread in self._members:
            killall([thread], exception, block, timeout)

    def apply(
        self,
        function: Callable[..., T],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> T:
        """Has a member call ``function(*args, **kwargs)``, and waits for its result."""
        return self.spawn(function, *args, **(kwargs or {})).wait()

    def map(self, function: Callable[..., T], iterable: Iterable[Any]) -> list[T]:
        """A member for each element, all at the same time, and their results in order.

        :raises BaseException: that of the first element whose call failed.
        """
        members = [self.spawn(function, element) for element in iterable]
        for member in members:
            member._take()
        return [member.wait() for member in members]

    def _map_size(self) -> int:
        return _ANY_NUMBER

    def _map_spawn(self) -> Spawn:
        return self.spawn


# A group has no size; what bounds its maps is the memory.
_ANY_NUMBER = 2**62
