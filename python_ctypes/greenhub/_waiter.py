"""One wait of one green thread, which either its waker or the thread itself ends, never both."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import Any

from . import _core


class Waiter:
    """Made by the thread that is going to wait, put into a queue, and finished once by somebody.

    A thread may stop waiting in the same moment in which another hands it something: its time is
    over, or it is killed. The claim settles that: it is a list of one element, and to pop from a
    list is atomic, between OS threads too. Who gets the element ends the wait. Hence nothing is
    handed to a thread that has gone, and a thread that is killed with something in its hands knows
    that it has to pass it on.
    """

    __slots__ = ("_claim", "done", "error", "ident", "parked", "value")

    def __init__(self, value: Any = None) -> None:
        self.ident = _core.ident()
        #: What is brought along (by one who puts), or has been handed over (to one who gets).
        self.value = value
        #: Raised in the waiting thread instead, if its waker met one that belongs there.
        self.error: BaseException | None = None
        #: Set last of all: from then on value and error may be read.
        self.done = False
        #: Set before the thread parks: a wake for one that does not would end its next wait.
        self.parked = False
        self._claim = [None]

    def claim(self) -> bool:
        """Whether the caller is the one that ends this wait. True once, for one caller."""
        try:
            self._claim.pop()
        except IndexError:
            return False
        return True

    def gone(self) -> bool:
        """Whether the wait has been ended, by whomever. For a look only: it may end at any time."""
        return not self._claim

    def finish(self) -> None:
        """Ends the wait, after a `claim`."""
        self.done = True
        if self.parked:
            _core.unpark(self.ident)

    def hand(self, value: Any = None) -> bool:
        """Gives the value and ends the wait. False if the thread has gone already."""
        if not self.claim():
            return False
        self.value = value
        self.finish()
        return True

    def wait(self, seconds: float | None = None) -> bool:
        """Suspends until `finish`, True, or until the time is over, False.

        After False nobody can hand anything over any more. An exception thrown into the thread
        leaves the claim as it is: the caller settles it (see the class).
        """
        self.parked = True
        if seconds is None:
            while not self.done:
                _core.park()
            return True
        deadline = monotonic() + seconds
        while not self.done:
            if not _core.park(max(0.0, deadline - monotonic())):
                if self.claim():
                    return False
                # Claimed by the other side, which is a few instructions from its finish().
                return self.wait()
        return True


def discard(queue: deque[Waiter], waiter: Waiter) -> None:
    """Takes a waiter out of its queue, if it is still there. From the front, where those who have
    waited longest stand, this costs nothing."""
    try:
        queue.remove(waiter)
    except ValueError:
        pass
