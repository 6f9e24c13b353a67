"""Pools: no more than so many green threads at a time."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, TypeVar

from . import _core
from ._maps import GreenMap, Maps, Spawn
from .greenthread import GreenThread, getcurrent, spawn
from .queue import LightQueue
from .semaphore import Semaphore

__all__ = ["GreenMap", "GreenPile", "GreenPool"]

T = TypeVar("T")


class GreenPool(Maps):
    """A pool of green threads. Every method may be called from any OS thread.

    A member that spawns into its own full pool would wait for itself; it calls the function on
    the spot instead.
    """

    def __init__(self, size: int = 1000) -> None:
        """
        :param size: how many threads may run at a time.
        :raises TypeError: it is no integer.
        :raises ValueError: it is negative.
        """
        self.size = _checked(size)
        self._slots = Semaphore(size)
        #: The running members.
        self.coroutines_running: set[GreenThread[Any]] = set()

    def __repr__(self) -> str:
        return "<%s at %#x, %d of %d running, %d waiting>" % (
            type(self).__name__,
            id(self),
            self.running(),
            self.size,
            self.waiting(),
        )

    def resize(self, new_size: int) -> None:
        """Changes the size. Those who run already go on, so that `free` may be negative."""
        new_size = _checked(new_size)
        self._slots._add(new_size - self.size)
        self.size = new_size

    def running(self) -> int:
        """How many members run."""
        return len(self.coroutines_running)

    def free(self) -> int:
        """How many more may be spawned without waiting."""
        return self._slots.counter

    def waiting(self) -> int:
        """How many threads wait in `spawn`."""
        return max(0, -self._slots.balance)

    def spawn(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> GreenThread[T]:
        """Spawns a member that calls ``function(*args, **kwargs)``.

        :returns: the member; its result is had, and its exception taken, by ``wait()``.

        Suspends while the pool is full.
        """
        current = getcurrent()
        if self._slots.locked() and current in self.coroutines_running:
            return _on_the_spot(current, function, args, kwargs)
        self._slots.acquire()
        return self._member(spawn(function, *args, **kwargs))

    def spawn_n(self, function: Callable[..., object], /, *args: Any, **kwargs: Any) -> None:
        """`spawn` of a member that nobody waits for: an exception is reported at once."""
        self.spawn(function, *args, **kwargs)._detached = True

    def _member(self, thread: GreenThread[T]) -> GreenThread[T]:
        self.coroutines_running.add(thread)
        thread._when_done(self._ended)
        return thread

    def _ended(self, thread: GreenThread[Any]) -> None:
        self.coroutines_running.discard(thread)
        self._slots.release()

    def waitall(self) -> None:
        """Waits until no member runs, those that are spawned meanwhile included.

        :raises AssertionError: a member calls it, which would wait for itself.

        Suspends while there are members.
        """
        members = self.coroutines_running
        if getcurrent() in members:
            raise AssertionError("a member of the pool cannot wait for the whole pool")
        while members:
            for member in list(members):
                member._join(None)
            if members:
                # Another OS thread has ended one, and has yet to take it out of the pool.
                _core.sleep(0)

    def _map_size(self) -> int:
        return self.size

    def _map_spawn(self) -> Spawn:
        # Not this pool's own slots: a member that maps over its full pool would wait for itself.
        return spawn


class GreenPile:
    """Calls whose results are iterated over in the order of the calls::

        pile = GreenPile(pool)
        for url in urls:
            pile.spawn(fetch, url)
        for body in pile:
            ...

    A pile is used by the thread that made it, or by one that spawns and one that iterates.
    """

    def __init__(self, size_or_pool: int | GreenPool = 1000) -> None:
        """
        :param size_or_pool: a pool, which others may use as well, or the size of one's own.
        """
        self.pool = size_or_pool if isinstance(size_or_pool, GreenPool) else GreenPool(size_or_pool)
        self._threads: LightQueue[GreenThread[Any]] = LightQueue()
        # One element for each result to come: to append and to pop is atomic, to count is not.
        self._promised: deque[None] = deque()

    def spawn(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Has ``function(*args, **kwargs)`` called. Suspends while the pool is full."""
        self._promised.append(None)
        try:
            thread = self.pool.spawn(function, *args, **kwargs)
        except BaseException:
            self._promised.pop()
            raise
        thread._take()
        self._threads.put(thread)

    def __iter__(self) -> GreenPile:
        return self

    def __next__(self) -> Any:
        """The result of the first call whose result was not taken yet, or what it raised.

        Ends when all were taken. Suspends until it is there.
        """
        if not self._promised:
            raise StopIteration
        try:
            return self._threads.get().wait()
        finally:
            self._promised.pop()

    next = __next__


def _checked(size: int) -> int:
    if not isinstance(size, int):
        raise TypeError("a pool's size is an integer, not %r" % (size,))
    if size < 0:
        raise ValueError("a pool's size must not be negative")
    return size


def _on_the_spot(
    current: GreenThread[Any],
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> GreenThread[T]:
    """A thread that has ended, after a call that the running one makes.

    Ordinary exceptions become the outcome. Kills and timeouts are the caller's, whom they were
    meant for.
    """
    thread: GreenThread[T] = GreenThread(function, current._root)
    thread._ident = current._ident
    try:
        thread._value = function(*args, **kwargs)
    except Exception as error:
        thread._fail(error)
    thread._finish()
    return thread
