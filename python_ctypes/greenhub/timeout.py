"""A limit on how long the calling green thread may spend, whatever it waits for."""

from __future__ import annotations

import socket
from time import monotonic
from types import TracebackType
from typing import Any, Callable, TypeVar

from . import _core
from ._exceptions import Throwable, from_throw_args

__all__ = ["Timeout", "is_timeout", "with_timeout", "wrap_is_timeout"]

T = TypeVar("T")
_MISSING: Any = object()

# In place of a timer's number, which is never 0.
_NO_TIMER = 0
# What take_back says.
_TOLD = 2


class Timeout(BaseException):
    """Raises an exception in the thread that starts it, out of whatever it waits in by then.

    ::

        with Timeout(2):                # raises this Timeout after two seconds
            line = connection.recv()
        with Timeout(2, False) as t:    # leaves the block silently instead
            line = connection.recv()
        with Timeout(2, ValueError):    # raises a ValueError

    Not an `Exception`: ``except Exception`` within the block does not swallow it, and what is
    raised is exactly this instance, so that nested ones can be told apart with ``is``. A thread
    that computes without waiting is interrupted after `greenhub.preempt` only.

    A driver written in C that waits by itself fails with an error of its own when the time is over.
    If that error, or another `Exception`, leaves the block, this instance is raised in its place,
    with the error as its ``__context__``.

    Used by the thread that made it. `cancel` may be called from any OS thread.
    """

    #: What `is_timeout` looks for.
    is_timeout = True

    def __init__(
        self, seconds: float | None = None, exception: Throwable | bool | None = None
    ) -> None:
        """Starts at once.

        :param seconds: None never fires; 0 or less does so when the thread next waits.
        :param exception: what to raise: None or True for this instance, False for this instance
            with the ``with`` statement keeping it to itself, or an exception or its class.
        """
        super().__init__()
        self.seconds = seconds
        self.exception = exception
        self._timer: int | None = None
        # Whom it is raised in, and what: None for this instance, which must not refer to itself.
        self._ident = 0
        self._error: BaseException | None = None
        # What is to be raised as soon as the thread waits, until it is.
        self._soon: list[BaseException] = []
        self._deadline = 0.0
        self.start()

    def start(self) -> None:
        """Starts it, again if it was cancelled or has fired. For the calling thread.

        :raises AssertionError: it is pending already.
        """
        if self.pending:
            raise AssertionError("%r is pending already" % (self,))
        self.cancel()
        if self.seconds is None:
            return
        self._error = None
        if self.exception is not None and not isinstance(self.exception, bool):
            self._error = from_throw_args((self.exception,))
        error = self if self._error is None else self._error
        self._ident = _core.ident()
        if self.seconds <= 0:
            # In turn, as eventlet has it: behind those who are ready, before those who are not.
            self._soon = [error]
            self._timer = _NO_TIMER
            _core.spawn(None, _raise_in_turn, (self._soon, self._ident), None)
            return
        self._deadline = monotonic() + self.seconds
        self._timer = _core.throw_after(self.seconds, error)

    @property
    def pending(self) -> bool:
        """Whether it is going to be raised: it was started, its time is not over, and it was not
        cancelled."""
        return bool(self._soon) or (bool(self._timer) and monotonic() < self._deadline)

    def cancel(self) -> None:
        """Sees to it that nothing is raised, also if the time is over and the thread has not
        waited since. As often as one likes. From another OS thread it is a message: what is over
        before it arrives is raised."""
        self._withdraw()

    def _withdraw(self) -> bool:
        """`cancel`. Whether a C library was told that the time is over, and nothing was raised."""
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        if self._soon:
            self._soon.clear()
            return False
        if _core.cancel_timer(timer, self._ident):
            return False
        error = self if self._error is None else self._error
        return _core.take_back(self._ident, error) == _TOLD

    def __enter__(self: Self) -> Self:
        if not self.pending:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._withdraw() and isinstance(value, Exception):
            # A driver's way to say that its call was cancelled, or what that has led to.
            if self.exception is False:
                return True
            raise self if self._error is None else self._error
        return value is self and self.exception is False

    def __repr__(self) -> str:
        state = " pending" if self.pending else ""
        return "<%s at %#x, %s%s>" % (type(self).__name__, id(self), self, state)

    def __str__(self) -> str:
        if self.seconds is None:
            return "no limit"
        text = "%g second%s" % (self.seconds, "" if self.seconds == 1 else "s")
        if self.exception is None or self.exception is True:
            return text
        return "%s (%s)" % (text, "silent" if self.exception is False else repr(self.exception))


Self = TypeVar("Self", bound=Timeout)


def _raise_in_turn(soon: list[BaseException], ident: int) -> None:
    """What a green thread of its own does for a timeout of no time."""
    if soon:
        _core.throw(ident, soon.pop())


def with_timeout(
    seconds: float | None,
    function: Callable[..., T],
    /,
    *args: Any,
    timeout_value: Any = _MISSING,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, for ``seconds`` at most.

    :param timeout_value: what to return if the time is over.
    :returns: what the function returns, or ``timeout_value``.
    :raises Timeout: the time is over and there is no ``timeout_value``. A Timeout of somebody
        else's is raised in any case.

    Suspends if the function does.
    """
    timeout = Timeout(seconds)
    try:
        with timeout:
            return function(*args, **kwargs)
    except Timeout as error:
        if error is timeout and timeout_value is not _MISSING:
            return timeout_value
        raise


def is_timeout(obj: Any) -> bool:
    """Whether an exception says that time was over: a `Timeout`, the builtin ``TimeoutError``
    (``socket.timeout`` too), or anything with a true attribute ``is_timeout``."""
    # Up to Python 3.9 socket.timeout was a class of its own.
    return isinstance(obj, (TimeoutError, socket.timeout)) or bool(
        getattr(obj, "is_timeout", False)
    )


def wrap_is_timeout(base: Any) -> Any:
    """Makes `is_timeout` true for what ``base`` makes.

    :param base: an exception's class, which gets the attribute and is returned, or a function,
        which is returned wrapped: what it returns gets the attribute.
    """
    if isinstance(base, type):
        base.is_timeout = property(lambda _: True)  # type: ignore[attr-defined]
        return base

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        made = base(*args, **kwargs)
        made.is_timeout = True
        return made

    return wrapped
