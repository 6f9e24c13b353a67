"""Semaphores between green threads. First come, first served."""

from __future__ import annotations

from collections import deque
from types import TracebackType

from ._turns import Turns
from ._waiter import Waiter

__all__ = ["BoundedSemaphore", "CappedSemaphore", "Semaphore"]


def _seconds(blocking: bool, timeout: float | None) -> float | None:
    """What ``acquire(blocking, timeout)`` means for `Turns._wait`, with the checks of threading."""
    if timeout == -1:
        timeout = None
    if timeout is not None and timeout < 0:
        raise ValueError("a timeout must not be negative")
    if blocking:
        return timeout
    if timeout is not None:
        raise ValueError("a call that does not block has no timeout")
    return -1


class Semaphore(Turns):
    """A number that `acquire` takes one from, waiting while it is 0, and `release` adds one to.

    Those who wait are served in the order in which they came; nobody who comes later gets ahead
    of them. Every method may be called from any OS thread, and `release` also from finalizers and
    signal handlers.
    """

    #: `release` does not let the number grow beyond this.
    _limit: int | None = None

    def __init__(self, value: int = 1) -> None:
        """
        :param value: how many may be acquired at first.
        :raises ValueError: it is negative.
        """
        super().__init__()
        if value < 0:
            raise ValueError("a semaphore's value must not be negative")
        self._value = value
        self._waiters: deque[Waiter] = deque()
        # Notes of releases: numbers to add, and those who wait for the limit.
        self._added: deque[int] = deque()
        self._releasers: deque[Waiter] = deque()

    def __repr__(self) -> str:
        return "<%s at %#x, %d>" % (type(self).__name__, id(self), self.balance)

    def _room(self) -> bool:
        return self._limit is None or self._value < self._limit

    def _idle(self) -> bool:
        return not (self._waiters or self._added or self._releasers)

    def _pending(self) -> bool:
        return bool(
            self._added or (self._waiters and self._value > 0) or (self._releasers and self._room())
        )

    def _work(self) -> None:
        while True:
            while self._added:
                self._value += self._added.popleft()
            if self._waiters and self._value > 0:
                if self._waiters.popleft().hand():
                    self._value -= 1
            elif self._releasers and self._room():
                if self._releasers.popleft().hand():
                    self._value += 1
            else:
                return

    def _give_back(self, waiter: Waiter) -> None:
        self._add(1)

    def _add(self, number: int) -> None:
        """Adds to the value, or takes from it, at once and below 0 if need be."""
        self._added.append(number)
        self._settle()

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Takes one.

        :param blocking: whether to wait if there is none.
        :param timeout: for so many seconds at most; None or -1 for as long as it takes.
        :returns: whether one was taken: True unless the time is over or it was not to block.
        :raises ValueError: a negative timeout, or one for a call that does not block.

        Suspends if there is none and it may block. An exception thrown into the waiting thread
        leaves it with nothing taken.
        """
        if timeout is not None or not blocking:
            return self._wait(self._waiters, Waiter(), _seconds(blocking, timeout))
        if self._begin():
            try:
                if self._value > 0 and self._idle():
                    self._value -= 1
                    return True
            finally:
                self._end()
        return self._wait(self._waiters, Waiter(), None)

    def release(self, blocking: bool = True) -> bool:
        """Puts one back, which belongs to who has waited longest.

        :param blocking: means nothing here: see `CappedSemaphore`.
        :returns: True.

        Does not suspend.
        """
        if self._begin():
            try:
                if self._idle():
                    self._value += 1
                    return True
            finally:
                self._end()
        self._add(1)
        return True

    def locked(self) -> bool:
        """Whether `acquire` would have to wait."""
        return self._counted() <= 0

    def bounded(self) -> bool:
        """Whether `release` would have to wait: False."""
        return False

    def _counted(self) -> int:
        return self._value + sum(list(self._added))

    @property
    def counter(self) -> int:
        """How many can be acquired at once. Never negative, unless a pool was made smaller."""
        return self._counted()

    @property
    def balance(self) -> int:
        """How many can be acquired at once, or as a negative number how many wait."""
        return self._counted() - len(self._waiters)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class BoundedSemaphore(Semaphore):
    """A semaphore whose value never exceeds that which it began with."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._limit: int = value

    def release(self, blocking: bool = True) -> bool:
        """Puts one back.

        :returns: True.
        :raises ValueError: more are put back than were taken.

        Does not suspend.
        """
        if not self._wait_room(False):
            raise ValueError("a bounded semaphore was released more often than acquired")
        return True

    def _wait_room(self, blocking: bool) -> bool:
        return self._wait(self._releasers, _Releaser(), None if blocking else -1)

    def _give_back(self, waiter: Waiter) -> None:
        # A releaser that was killed has released: that is what it came for.
        if not isinstance(waiter, _Releaser):
            super()._give_back(waiter)


class _Releaser(Waiter):
    """One who waits for room below the limit."""

    __slots__ = ()


class CappedSemaphore(BoundedSemaphore):
    """A semaphore with a limit: `release` waits while it is reached, as `acquire` does at 0."""

    def __init__(self, count: int, limit: int) -> None:
        """
        :param count: how many may be acquired at first.
        :param limit: how many there may be.
        :raises ValueError: ``count`` is negative or more than ``limit``.
        """
        if count > limit:
            raise ValueError("count must not be more than limit")
        super().__init__(count)
        self._limit: int = limit

    def release(self, blocking: bool = True) -> bool:
        """Puts one back, once there is room for it.

        :param blocking: whether to wait for room.
        :returns: whether one was put back: False only if it was not to block.

        Suspends while the limit is reached, if it may block.
        """
        return self._wait_room(blocking)

    def _room(self) -> bool:
        # With a limit of 0 what is released goes from hand to hand.
        return self._value < self._limit or bool(self._waiters)

    def bounded(self) -> bool:
        """Whether `release` would have to wait."""
        return self._counted() >= self._limit

    @property
    def balance(self) -> int:
        """How many can be acquired at once, less how many can be released at once; those who wait
        for either count against it."""
        return super().balance - (self._limit - self._counted() - len(self._releasers))
