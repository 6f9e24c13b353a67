"""Green threads that depend on one another's results."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Mapping

from .greenthread import GreenletExit, GreenThread, getcurrent, spawn
from .queue import LightQueue

__all__ = ["Collision", "DAGPool", "PropagateError"]

_MISSING: Any = object()


class Collision(Exception):
    """A key has a value, or a thread that is going to give it one, already."""


class PropagateError(Exception):
    """A value cannot be had: its thread failed, or one that it depends on did.

    ``key`` is that of the thread, and ``exc`` the exception that left it.
    """

    def __init__(self, key: Any, exc: BaseException) -> None:
        super().__init__(key, exc)
        self.key = key
        self.exc = exc

    def __str__(self) -> str:
        if isinstance(self.exc, PropagateError):
            return "PropagateError(%s): %s" % (self.key, self.exc)
        return "PropagateError(%s): %s: %s" % (self.key, type(self.exc).__name__, self.exc)


class _Watcher:
    """Somebody who waits for keys. A key is handed over once: to remove from a set is atomic."""

    def __init__(self, keys: Iterable[Any]) -> None:
        self.wanted = set(keys)
        self.count = len(self.wanted)
        self.ready: LightQueue[Any] = LightQueue()

    def offer(self, key: Any) -> None:
        try:
            self.wanted.remove(key)
        except KeyError:
            return
        self.ready.put(key)


class DAGPool:
    """Values under keys, each posted or computed by a green thread from the values of others.

    ::

        pool = DAGPool({"url": url})
        pool.spawn("page", ["url"], fetch)       # fetch("page", results)
        pool.spawn("links", ["page"], parse)
        links = pool["links"]

    A function is called with its key and an iterator that gives ``(key, value)`` for each key
    that it depends on, in the order in which the values come. Every method may be called from
    any OS thread.
    """

    def __init__(self, preload: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        """
        :param preload: values that are there from the beginning.
        """
        self._values: dict[Any, Any] = dict(preload)
        self._threads: dict[Any, GreenThread[Any]] = {}
        # What each running thread has not been given yet.
        self._pending: dict[Any, _Watcher] = {}
        self._watchers: list[_Watcher] = []

    def spawn(
        self,
        key: Any,
        depends: Iterable[Any],
        function: Callable[..., Any],
        /,
        *args: Any,
        **kw: Any,
    ) -> None:
        """Has ``function(key, results, *args, **kw)`` give the value of ``key``.

        :param depends: the keys that ``results`` goes through. They need not be known yet.
        :raises Collision: the key is known already.

        Does not suspend.
        """
        if key in self._values or key in self._threads:
            raise Collision(key)
        watcher = self._watch(depends)
        thread = spawn(function, key, self._results(watcher), *args, **kw)
        if self._threads.setdefault(key, thread) is not thread:
            # Another OS thread was faster.
            thread._throw(GreenletExit())
            self._forget(watcher)
            raise Collision(key)
        self._pending[key] = watcher
        thread.name = "%s for %r" % (getattr(function, "__qualname__", function), key)
        thread.link(self._ended, key, watcher)

    def spawn_many(
        self,
        depends: Mapping[Any, Iterable[Any]],
        function: Callable[..., Any],
        /,
        *args: Any,
        **kw: Any,
    ) -> None:
        """`spawn` for each key of ``depends``, whose values are what those depend on."""
        for key, keys in depends.items():
            self.spawn(key, keys, function, *args, **kw)

    def post(self, key: Any, value: Any, replace: bool = False) -> None:
        """Gives a key its value. A thread may post to its own key, before it returns.

        :param replace: whether a value that is there is replaced.
        :raises Collision: the key has a thread, or a value that is not to be replaced.

        Does not suspend.
        """
        thread = self._threads.get(key)
        if thread is not None and thread is not getcurrent():
            raise Collision(key)
        if key in self._values and not replace:
            raise Collision(key)
        self._threads.pop(key, None)
        self._put(key, value)

    def wait(self, keys: Any = _MISSING) -> dict[Any, Any]:
        """Waits for values.

        :param keys: an iterable of keys; nothing means all that are known now.
        :returns: a dict of them.
        :raises PropagateError: one cannot be had.

        Suspends until they are there.
        """
        return dict(self.wait_each(keys))

    def waitall(self) -> dict[Any, Any]:
        """`wait` for all keys that are known now."""
        return self.wait()

    def wait_each(self, keys: Any = _MISSING) -> Iterator[tuple[Any, Any]]:
        """Gives ``(key, value)`` in the order in which the values come, as `wait` does."""
        for key, value in self._each(keys):
            if isinstance(value, PropagateError):
                raise value
            yield key, value

    def wait_each_success(self, keys: Any = _MISSING) -> Iterator[tuple[Any, Any]]:
        """`wait_each` that leaves out what cannot be had."""
        return (pair for pair in self._each(keys) if not isinstance(pair[1], PropagateError))

    def wait_each_exception(self, keys: Any = _MISSING) -> Iterator[tuple[Any, PropagateError]]:
        """Only what cannot be had: ``(key, PropagateError)``."""
        return (pair for pair in self._each(keys) if isinstance(pair[1], PropagateError))

    def kill(self, key: Any) -> None:
        """Kills the thread of a key. The key is free again: whoever waits for it waits on, for
        what is posted or spawned next.

        :raises KeyError: the key has no thread, or its thread has ended.

        Suspends as `greenhub.kill` does.
        """
        self._threads.pop(key).kill()

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or ``default`` if it has none yet.

        :raises PropagateError: it cannot be had.

        Does not suspend.
        """
        value = self._values.get(key, default)
        if isinstance(value, PropagateError):
            raise value
        return value

    def __getitem__(self, key: Any) -> Any:
        """The value of a key.

        :raises PropagateError: it cannot be had.

        Suspends until it is there.
        """
        return self.wait((key,))[key]

    def keys(self) -> tuple[Any, ...]:
        """The keys that have values."""
        return tuple(self._values)

    def items(self) -> tuple[tuple[Any, Any], ...]:
        """The keys that have values, with these.

        :raises PropagateError: one cannot be had.
        """
        items = tuple(self._values.items())
        for _, value in items:
            if isinstance(value, PropagateError):
                raise value
        return items

    def running(self) -> int:
        """How many threads have not ended, those that wait for values included."""
        return len(self._threads)

    def running_keys(self) -> tuple[Any, ...]:
        """The keys of those."""
        return tuple(self._threads)

    def waiting(self) -> int:
        """How many threads have values still to come."""
        return len(self.waiting_for())

    def waiting_for(self, key: Any = _MISSING) -> Any:
        """Which values are still to come.

        :param key: for which thread; nothing means for all.
        :returns: a set of keys; for all, a dict of such sets without those that have all.
        :raises KeyError: the key is not known.
        """
        if key is _MISSING:
            sets = {key: set(watcher.wanted) for key, watcher in list(self._pending.items())}
            return {key: keys for key, keys in sets.items() if keys}
        if key not in self._threads and key not in self._values:
            raise KeyError(key)
        watcher = self._pending.get(key)
        return set() if watcher is None else set(watcher.wanted)

    def _ended(self, thread: GreenThread[Any], key: Any, watcher: _Watcher) -> None:
        self._forget(watcher)
        if self._pending.get(key) is watcher:
            del self._pending[key]
        # One that was killed, or posted to its own key, has no say any more.
        if self._threads.get(key) is thread:
            error = thread._error
            self._put(key, thread._value if error is None else PropagateError(key, error))
            self._threads.pop(key, None)

    def _put(self, key: Any, value: Any) -> None:
        self._values[key] = value
        for watcher in list(self._watchers):
            watcher.offer(key)

    def _watch(self, keys: Iterable[Any]) -> _Watcher:
        watcher = _Watcher(keys)
        self._watchers.append(watcher)
        # Those that came before the watcher was known.
        for key in list(watcher.wanted):
            if key in self._values:
                watcher.offer(key)
        return watcher

    def _forget(self, watcher: _Watcher) -> None:
        try:
            self._watchers.remove(watcher)
        except ValueError:
            pass

    def _each(self, keys: Any) -> Iterator[tuple[Any, Any]]:
        if keys is _MISSING:
            keys = list(self._values) + list(self._threads)
        watcher = self._watch(keys)
        try:
            for _ in range(watcher.count):
                key = watcher.ready.get()
                yield key, self._values[key]
        finally:
            self._forget(watcher)

    def _results(self, watcher: _Watcher) -> Iterator[tuple[Any, Any]]:
        """What a function goes through."""
        for _ in range(watcher.count):
            key = watcher.ready.get()
            value = self._values[key]
            if isinstance(value, PropagateError):
                raise value
            yield key, value
