"""The exception of a kill, and how the arguments of a throw become an exception."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Type, Union


class GreenletExit(BaseException):
    """What `kill` raises in a green thread unless told otherwise.

    Not an `Exception`, so that ``except Exception`` does not swallow it, and never reported: a
    thread that ends by it has ended as somebody wished.
    """


#: An exception's class or an instance.
Throwable = Union[BaseException, Type[BaseException]]


def from_throw_args(args: tuple[Any, ...]) -> BaseException:
    """The instance that ``(type, value, traceback)`` stand for, as in ``generator.throw``.

    :param args: nothing (a `GreenletExit`), an instance, or a class with an instance or the
        arguments of one, and a traceback; what is left out may be None.
    :raises TypeError: for anything else.
    """
    if not args:
        return GreenletExit()
    if len(args) > 3:
        raise TypeError("throw takes a type, a value and a traceback")
    kind, value, traceback = (args + (None, None))[:3]
    if isinstance(kind, BaseException):
        if value is not None and value is not kind:
            raise TypeError("an exception's instance takes no separate value")
        error = kind
    elif isinstance(kind, type) and issubclass(kind, BaseException):
        if isinstance(value, kind):
            error = value
        elif value is None:
            error = kind()
        else:
            error = kind(*value) if isinstance(value, tuple) else kind(value)
    else:
        raise TypeError("exceptions must be classes or instances, not %r" % (kind,))
    # By its own type: a mock says otherwise, and a class may make whatever it likes.
    if not issubclass(type(error), BaseException):
        raise TypeError("exceptions must be classes or instances, not %r" % (error,))
    if traceback is None:
        return error
    if not isinstance(traceback, TracebackType):
        raise TypeError("throw's third argument must be a traceback, not %r" % (traceback,))
    return error.with_traceback(traceback)
