"""One pool of OS threads for the whole program, and objects whose methods run there.

::

    rows = tpool.execute(cursor.fetchall)
    connection = tpool.Proxy(library.connect(...))

See `greenhub.threadpool.ThreadPool` for a pool of one's own.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, TypeVar

from .threadpool import ThreadPool

__all__ = ["Proxy", "execute", "killall", "proxy_call", "set_num_threads", "setup"]

T = TypeVar("T")

_DEFAULT_SIZE = 20


def _size() -> int:
    for name in ("GREENHUB_THREADPOOL_SIZE", "EVENTLET_THREADPOOL_SIZE"):
        text = os.environ.get(name)
        if text:
            return int(text)
    return _DEFAULT_SIZE


# 0 means that calls are made on the spot, which stops the hub: for debugging.
_num_threads = _size()
_pool = ThreadPool(max(1, _num_threads))
_here = threading.local()


def set_num_threads(number: int) -> None:
    """Sets how many OS threads there may be: 20 at first, or ``$GREENHUB_THREADPOOL_SIZE``.

    :param number: 0 has calls made on the spot.
    :raises ValueError: it is negative.
    """
    global _num_threads
    if number < 0:
        raise ValueError("the number of threads must not be negative")
    _num_threads = number
    _pool.size = max(1, number)


def setup() -> None:
    """Does nothing: OS threads start when they are needed."""


def killall() -> None:
    """Ends the OS threads that are idle. Later calls start new ones."""
    _pool.close()


def execute(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
    """Calls ``function(*args, **kwargs)`` in an OS thread: see `ThreadPool.execute`.

    In one of the pool's OS threads the call is made on the spot: it would otherwise wait for a
    thread while it keeps one.
    """
    if not _num_threads or getattr(_here, "inside", False):
        return function(*args, **kwargs)
    result: T = _pool.execute(_inside, function, args, kwargs)
    return result


def _inside(function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    _here.inside = True
    try:
        return function(*args, **kwargs)
    finally:
        _here.inside = False


def proxy_call(
    autowrap: tuple[type, ...], function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """`execute`, whose result is wrapped in a `Proxy` if it is of a type of ``autowrap``.

    :param kwargs: ``nonblocking=True`` is taken out, and means a call on the spot.
    """
    if kwargs.pop("nonblocking", False):
        result = function(*args, **kwargs)
    else:
        result = execute(function, *args, **kwargs)
    return Proxy(result, autowrap) if isinstance(result, autowrap) else result


class Proxy:
    """An object whose methods are called in an OS thread.

    Attributes are read and set on the spot, and so are ``==``, ``hash``, ``repr``, ``str``,
    ``len`` and truth. ``nonblocking=True`` has one call made on the spot too.
    """

    _obj: Any
    _autowrap: tuple[type, ...]
    _autowrap_names: tuple[str, ...]

    def __init__(
        self, obj: Any, autowrap: tuple[type, ...] = (), autowrap_names: tuple[str, ...] = ()
    ) -> None:
        """
        :param autowrap: results of these types are wrapped as well.
        :param autowrap_names: attributes, and results of methods, of these names are as well.
        """
        attributes = object.__getattribute__(self, "__dict__")
        attributes["_obj"] = obj
        attributes["_autowrap"] = tuple(autowrap)
        attributes["_autowrap_names"] = tuple(autowrap_names)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._obj, name)
        if not callable(value):
            return self._wrapped(name, value)

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._wrapped(name, proxy_call(self._autowrap, value, *args, **kwargs))

        method.__name__ = name
        method.__doc__ = getattr(value, "__doc__", None)
        return method

    def _wrapped(self, name: str, value: Any) -> Any:
        if isinstance(value, Proxy):
            return value
        if name in self._autowrap_names or isinstance(value, self._autowrap):
            return Proxy(value, self._autowrap)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._obj, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._obj, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._wrapped("__call__", proxy_call(self._autowrap, self._obj, *args, **kwargs))

    def __getitem__(self, key: Any) -> Any:
        return proxy_call(self._autowrap, self._obj.__getitem__, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        execute(self._obj.__setitem__, key, value)

    def __delitem__(self, key: Any) -> None:
        execute(self._obj.__delitem__, key)

    def __contains__(self, key: Any) -> bool:
        return execute(_contains, self._obj, key)

    def __iter__(self) -> Proxy:
        iterator = iter(self._obj)
        return self if iterator is self._obj else Proxy(iterator, self._autowrap)

    def __next__(self) -> Any:
        return proxy_call(self._autowrap, next, self._obj)

    def __enter__(self) -> Any:
        entered = execute(self._obj.__enter__)
        return self if entered is self._obj else entered

    def __exit__(self, *exc_info: Any) -> Any:
        return execute(self._obj.__exit__, *exc_info)

    def __eq__(self, other: object) -> bool:
        return bool(self._obj == (other._obj if isinstance(other, Proxy) else other))

    def __hash__(self) -> int:
        return hash(self._obj)

    def __repr__(self) -> str:
        return repr(self._obj)

    def __str__(self) -> str:
        return str(self._obj)

    def __len__(self) -> int:
        return len(self._obj)

    def __bool__(self) -> bool:
        return bool(self._obj)


def _contains(container: Any, key: Any) -> bool:
    return key in container
