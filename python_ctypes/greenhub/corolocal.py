"""Attributes of each green thread's own."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from . import _core
from .greenthread import GreenThread, getcurrent

__all__ = ["get_ident", "local"]


def get_ident() -> int:
    """A number that the running green thread has, and no other, ever. Does not suspend."""
    return _core.ident()


class local:
    """An object whose attributes each green thread sees as it alone has set them.

    They go with the thread. A subclass has its ``__init__`` called, with the arguments that the
    object was made with, in each thread that uses it. May be used from any OS thread.
    """

    __slots__ = ("_local_args", "_local_dicts", "_local_kwargs")

    def __new__(cls, *args: Any, **kwargs: Any) -> local:
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("only a subclass with an __init__ takes arguments")
        self = object.__new__(cls)
        object.__setattr__(self, "_local_args", args)
        object.__setattr__(self, "_local_kwargs", kwargs)
        dicts: WeakKeyDictionary[GreenThread[Any], dict[str, Any]] = WeakKeyDictionary()
        # Python calls __init__ for the thread that makes the object.
        dicts[getcurrent()] = {}
        object.__setattr__(self, "_local_dicts", dicts)
        return self

    def __getattribute__(self, name: str) -> Any:
        attributes = _attributes(self)
        if name == "__dict__":
            return attributes
        try:
            return attributes[name]
        except KeyError:
            return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":
            raise AttributeError("__dict__ of a local is read-only")
        if hasattr(getattr(type(self), name, None), "__set__"):
            # A property, say.
            object.__setattr__(self, name, value)
        else:
            _attributes(self)[name] = value

    def __delattr__(self, name: str) -> None:
        if hasattr(getattr(type(self), name, None), "__delete__"):
            object.__delattr__(self, name)
            return
        try:
            del _attributes(self)[name]
        except KeyError:
            raise AttributeError(name) from None


def _attributes(self: local) -> dict[str, Any]:
    """What the running thread sees."""
    dicts: WeakKeyDictionary[GreenThread[Any], dict[str, Any]]
    dicts = object.__getattribute__(self, "_local_dicts")
    thread = getcurrent()
    attributes = dicts.get(thread)
    if attributes is None:
        attributes = dicts[thread] = {}
        kind = type(self)
        if kind.__init__ is not object.__init__:
            args = object.__getattribute__(self, "_local_args")
            kwargs = object.__getattribute__(self, "_local_kwargs")
            kind.__init__(self, *args, **kwargs)
    return attributes
