"""State that many threads change, one at a time, without a lock that anybody waits for.

A lock around such state would have to be the OS's, because the state may be used from any OS
thread; and a green thread that waits for the OS's lock stops the hub which is to run its holder.
A finalizer or a signal handler that runs in the middle would even wait for itself. So nobody
waits here: whoever wants something leaves a note, and whoever happens to be at it works off all
notes. Only he who put a note down may then wait, in the hub's way, until somebody has done so.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque

from . import _core
from ._waiter import Waiter, discard


class Turns:
    """The base of what is changed in turns: subclasses say what there is to do, and do it."""

    def __init__(self) -> None:
        self._busy = allocate_lock()
        self._worker = 0
        # Somebody may have left a note while another was at it.
        self._missed = False

    def _pending(self) -> bool:
        """Whether `_work` would get anything done. Reads only."""
        raise NotImplementedError

    def _work(self) -> None:
        """Works off every note. Never called by two at a time; may be cut short by an exception
        only if that leaves the state whole."""
        raise NotImplementedError

    def _give_back(self, waiter: Waiter) -> None:
        """Passes on what was handed to a thread that was killed in the same moment."""
        raise NotImplementedError

    def _identify(self) -> int:
        """Who is at work."""
        return _core.ident()

    def _settle(self) -> None:
        """Sees to it that every note left so far is worked off, by the caller or by another."""
        while self._pending():
            # Before the attempt: if it fails, then for one who looks at this after releasing.
            self._missed = True
            if not self._busy.acquire(False):
                return
            try:
                self._missed = False
                self._worker = self._identify()
                self._work()
            finally:
                self._worker = 0
                self._busy.release()

    def _begin(self) -> bool:
        """For what can be done at once if nobody waits and nobody is at it, which is the common
        case: then a note would be most of the cost. After True, to be ended by `_end`."""
        if not self._busy.acquire(False):
            return False
        self._worker = self._identify()
        return True

    def _end(self) -> None:
        self._worker = 0
        self._busy.release()
        if self._missed:
            self._settle()

    def _wait(self, queue: deque[Waiter], waiter: Waiter, seconds: float | None) -> bool:
        """Queues, and waits until the waiter is finished, True, or the time is over, False.

        :param seconds: None for as long as it takes, negative for not at all.

        Whoever gets False or an exception has left the queue, and holds nothing.
        """
        queue.append(waiter)
        try:
            self._settle()
            if waiter.done or (
                self._at_once(waiter)
                if seconds is not None and seconds < 0
                else waiter.wait(seconds)
            ):
                if waiter.error is not None:
                    raise waiter.error
                return True
        except BaseException:
            if waiter.claim():
                discard(queue, waiter)
            elif waiter.error is None:
                self._give_back(waiter)
            raise
        discard(queue, waiter)
        return False

    def _leave(self, queue: deque[Waiter], waiter: Waiter) -> None:
        """Queues a note that is worked off in any case. Raises what went wrong with it."""
        queue.append(waiter)
        self._settle()
        self._pass(waiter)
        if waiter.error is not None:
            raise waiter.error

    def _at_once(self, waiter: Waiter) -> bool:
        self._pass(waiter)
        return waiter.done or not waiter.claim()

    def _pass(self, waiter: Waiter) -> None:
        # Another may be at work, and not have come to this note yet. Unless it is the caller
        # himself, further down on his stack, the answer is there as soon as he has finished.
        while not waiter.done and self._busy.locked() and self._worker != _core.ident():
            _core.sleep(0)
