"""One result, or one exception, sent once to everybody who waits for it."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Any

from ._exceptions import from_throw_args
from ._waiter import Waiter, discard

__all__ = ["Event"]


class _Outcome:
    """What was sent: a value, or an exception with the traceback it came with."""

    __slots__ = ("error", "traceback", "value")

    def __init__(self, value: Any, error: BaseException | None) -> None:
        self.value = value
        self.error = error
        self.traceback: TracebackType | None = None if error is None else error.__traceback__

    def get(self) -> Any:
        error = self.error
        if error is None:
            return self.value
        try:
            # Without the frames of those who raised it before.
            raise error.with_traceback(self.traceback)
        finally:
            del self, error


class Event:
    """An event that happens once and brings something along.

    Waiters wake in the order in which they came. Every method may be called from any OS thread.
    Not `threading.Event`: there is a value, and no second time.
    """

    def __init__(self) -> None:
        self._waiters: deque[Waiter] = deque()
        self._outcome: _Outcome | None = None
        # One element, the right to send: to pop it is atomic.
        self._unsent = [None]

    def __repr__(self) -> str:
        state = "ready" if self.ready() else "%d waiting" % len(self._waiters)
        return "<%s at %#x, %s>" % (type(self).__name__, id(self), state)

    def ready(self) -> bool:
        """Whether something was sent, so that `wait` returns or raises at once."""
        return self._outcome is not None

    def has_result(self) -> bool:
        """Whether a value was sent."""
        outcome = self._outcome
        return outcome is not None and outcome.error is None

    def has_exception(self) -> bool:
        """Whether an exception was sent."""
        outcome = self._outcome
        return outcome is not None and outcome.error is not None

    def wait(self, timeout: float | None = None, timeout_value: Any = None) -> Any:
        """Waits for what is sent.

        :param timeout: for so many seconds at most; None for as long as it takes.
        :param timeout_value: what to return if the time is over. By default that is None, as
            in eventlet, which cannot be told from ``send(None)``; any object of the caller's own
            can.
        :returns: the value that was sent.
        :raises BaseException: the exception that was sent.

        Suspends unless something was sent already.
        """
        outcome = self._outcome
        if outcome is not None:
            return outcome.get()
        waiter = Waiter()
        self._waiters.append(waiter)
        outcome = self._outcome
        if outcome is not None:
            # Sent by another OS thread, which may have looked for waiters before there was one.
            discard(self._waiters, waiter)
            return outcome.get()
        try:
            if waiter.wait(timeout):
                return waiter.value.get()
            return timeout_value
        finally:
            discard(self._waiters, waiter)

    def poll(self, notready: Any = None) -> Any:
        """What `wait` gives, or ``notready`` if nothing was sent. Does not suspend."""
        outcome = self._outcome
        return notready if outcome is None else outcome.get()

    def poll_result(self, notready: Any = None) -> Any:
        """The value, or ``notready`` if none was sent. Does not suspend."""
        return self._outcome.value if self._outcome and self.has_result() else notready

    def poll_exception(self, notready: Any = None) -> Any:
        """Raises the exception, or returns ``notready`` if none was sent. Does not suspend."""
        return self.poll(notready) if self.has_exception() else notready

    def send(self, result: Any = None, exc: Any = None) -> None:
        """Makes every waiter ready, and every later `wait` return at once.

        :param result: what they return.
        :param exc: what they raise instead: an exception, or a tuple as for `send_exception`.
        :raises AssertionError: something was sent before.
        :raises TypeError: ``exc`` is no exception.

        Does not suspend: the waiters run when the caller waits.
        """
        error = None
        if exc is not None:
            error = from_throw_args(exc if isinstance(exc, tuple) else (exc,))
        try:
            self._unsent.pop()
        except IndexError:
            raise AssertionError("an event is sent once: see reset()") from None
        outcome = self._outcome = _Outcome(result, error)
        waiters = self._waiters
        while waiters:
            try:
                waiter = waiters.popleft()
            except IndexError:
                break
            waiter.hand(outcome)

    def send_exception(self, *args: Any) -> None:
        """`send` of an exception: an instance, or a class, or type, value and traceback."""
        if not args:
            raise TypeError("send_exception takes an exception")
        self.send(exc=args)

    def reset(self) -> None:
        """Makes a sent event as new. Those who were woken still get what was sent.

        :raises AssertionError: nothing was sent.
        """
        if self._outcome is None:
            raise AssertionError("only an event that was sent can be reset")
        self._outcome = None
        self._unsent.append(None)
