"""Queues between green threads. Whoever has waited longest gets, or puts, first."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from queue import Empty, Full
from typing import Any, Generic, TypeVar

from . import _core
from ._turns import Turns
from ._waiter import Waiter

__all__ = ["Empty", "Full", "LifoQueue", "LightQueue", "PriorityQueue", "Queue"]

T = TypeVar("T")


class _Getter(Waiter):
    """One who waits for an item, and passes it on if he is killed with it in his hands."""

    __slots__ = ()


class LightQueue(Turns, Generic[T]):
    """A queue without `Queue.join`.

    Every method may be called from any OS thread, and on a queue without a limit `put` also from
    finalizers and signal handlers.

    A subclass with an order of its own overrides `_init`, `_put`, `_get`, `_qsize` and, if it
    does not keep its items in a deque at ``self.queue``, `_unget`. They are called by one thread
    at a time.
    """

    def __init__(self, maxsize: int | None = None) -> None:
        """
        :param maxsize: how many items there may be; None or negative for any number; 0 for a
            queue that keeps nothing, where `put` waits for the `get` that takes its item.
        """
        super().__init__()
        self._unfinished = 0
        self._getters: deque[Waiter] = deque()
        self._putters: deque[Waiter] = deque()
        # Those who were killed after an item was handed to them.
        self._returned: deque[Waiter] = deque()
        self.maxsize = _limit(maxsize)
        self._init(maxsize)

    def _init(self, maxsize: int | None) -> None:
        self.queue: Any = deque()

    def _qsize(self) -> int:
        return len(self.queue)

    def _put(self, item: T) -> None:
        self.queue.append(item)

    def _get(self) -> T:
        item: T = self.queue.popleft()
        return item

    def _unget(self, item: T) -> None:
        """Puts back what `_get` gave, so that it comes next."""
        if isinstance(self.queue, deque):
            self.queue.appendleft(item)
        else:
            self._put(item)

    def __repr__(self) -> str:
        return "<%s at %#x, %d of %s items, %d getting, %d putting>" % (
            type(self).__name__,
            id(self),
            self.qsize(),
            "any" if self.maxsize is None else self.maxsize,
            self.getting(),
            self.putting(),
        )

    def qsize(self) -> int:
        """The number of items."""
        return self._qsize()

    def resize(self, size: int | None) -> None:
        """Changes the limit. Items in excess stay. Does not suspend."""
        self.maxsize = _limit(size)
        self._settle()

    def putting(self) -> int:
        """How many threads wait in `put`."""
        return len(self._putters)

    def getting(self) -> int:
        """How many threads wait in `get`."""
        return len(self._getters)

    def empty(self) -> bool:
        """Whether there is no item."""
        return self._qsize() == 0

    def full(self) -> bool:
        """Whether the limit is reached. A queue of size 0 is both full and empty."""
        return self.maxsize is not None and self._qsize() >= self.maxsize

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Puts an item at the end.

        :param block: whether to wait for room.
        :param timeout: for so many seconds at most; None for as long as it takes.
        :raises Full: there is no room, and the time is over or it was not to block.

        Suspends while the queue is full, and always if its size is 0, if it may block. One that is
        killed there has not put its item, unless that was taken in the same moment.
        """
        if self._begin():
            try:
                if not (self._getters or self._putters or self._returned or self.full()):
                    self._put(item)
                    self._unfinished += 1
                    return
            finally:
                self._end()
        putter = Waiter(item)
        if self.maxsize is None:
            self._leave(self._putters, putter)
        elif not self._wait(self._putters, putter, _seconds(block, timeout)):
            raise Full
        elif block and self.maxsize == 0 and not putter.parked:
            # At a rendezvous the getter goes first, also if he was there before.
            _core.sleep(0)

    def put_nowait(self, item: T) -> None:
        """``put(item, block=False)``."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Takes the first item.

        :param block: whether to wait for one.
        :param timeout: for so many seconds at most; None for as long as it takes.
        :returns: the item.
        :raises Empty: there is none, and the time is over or it was not to block.

        Suspends while the queue is empty, if it may block. One that is killed there has taken
        nothing.
        """
        if self._begin():
            try:
                if self._qsize() and not (self._getters or self._putters or self._returned):
                    return self._get()
            finally:
                self._end()
        getter = _Getter()
        if not self._wait(self._getters, getter, _seconds(block, timeout)):
            raise Empty
        item: T = getter.value
        return item

    def get_nowait(self) -> T:
        """``get(block=False)``."""
        return self.get(False)

    def _pending(self) -> bool:
        return bool(
            self._returned
            or (self._getters and self._qsize())
            or (self._putters and (self._getters or not self.full()))
        )

    def _work(self) -> None:
        while True:
            if self._returned:
                self._unget(self._returned.popleft().value)
            elif self._getters and self._qsize():
                getter = self._getters.popleft()
                if getter.claim():
                    self._do(getter, True)
            elif self._putters and (self._getters or not self.full()):
                # With somebody to get it an item may exceed the limit: the next turn takes it.
                # Should the getter be gone by then, it stays, as it has been put.
                putter = self._putters.popleft()
                if putter.claim():
                    self._do(putter, False)
            else:
                return

    def _do(self, waiter: Waiter, getting: bool) -> None:
        try:
            if getting:
                waiter.value = self._get()
            else:
                self._put(waiter.value)
                self._unfinished += 1
        except BaseException as error:
            # Items that cannot be compared: for him who brought one, whoever is at work here.
            waiter.error = error
        waiter.finish()

    def _give_back(self, waiter: Waiter) -> None:
        if isinstance(waiter, _Getter):
            self._returned.append(waiter)
            self._settle()


class Queue(LightQueue[T]):
    """A queue that knows when all its items have been dealt with: see `join`."""

    def __init__(self, maxsize: int | None = None) -> None:
        """See `LightQueue`."""
        self._dealt: deque[Waiter] = deque()
        self._joiners: deque[Waiter] = deque()
        super().__init__(maxsize)

    @property
    def unfinished_tasks(self) -> int:
        """How many items were put and not reported by `task_done` yet."""
        return self._unfinished

    def task_done(self) -> None:
        """Says that one item, which `get` gave, has been dealt with.

        :raises ValueError: there were not so many.

        Does not suspend.
        """
        self._leave(self._dealt, Waiter())

    def join(self, timeout: float | None = None) -> bool:
        """Waits until every item that was put has been dealt with.

        :param timeout: for so many seconds at most; None for as long as it takes.
        :returns: whether that is so: False only if the time is over.

        Suspends unless it is so.
        """
        return self._wait(self._joiners, Waiter(), timeout if timeout is None else max(0, timeout))

    def _pending(self) -> bool:
        return super()._pending() or bool(self._dealt or (self._joiners and not self._unfinished))

    def _work(self) -> None:
        while True:
            super()._work()
            if self._dealt:
                note = self._dealt.popleft()
                if self._unfinished:
                    self._unfinished -= 1
                else:
                    note.error = ValueError("task_done was called more often than put")
                note.finish()
            elif self._joiners and not self._unfinished:
                self._joiners.popleft().hand()
            else:
                return


class PriorityQueue(Queue[T]):
    """A queue that gives the least item first."""

    def _init(self, maxsize: int | None) -> None:
        self.queue = []

    def _put(self, item: T) -> None:
        try:
            heappush(self.queue, item)
        except BaseException:
            # It cannot be compared, and sits in the heap already, where it would break every get.
            heap = self.queue
            del heap[next(place for place, other in enumerate(heap) if other is item)]
            heapify(heap)
            raise

    def _get(self) -> T:
        item: T = heappop(self.queue)
        return item


class LifoQueue(Queue[T]):
    """A queue that gives the item first that was put last."""

    def _init(self, maxsize: int | None) -> None:
        self.queue = []

    def _get(self) -> T:
        item: T = self.queue.pop()
        return item


def _limit(maxsize: int | None) -> int | None:
    return None if maxsize is None or maxsize < 0 else maxsize


def _seconds(block: bool, timeout: float | None) -> float | None:
    """What ``(block, timeout)`` means for `Turns._wait`."""
    if not block:
        return -1
    return None if timeout is None else max(0, timeout)
