"""Mapping a function over arguments by green threads, with a bound on how far they run ahead."""

from __future__ import annotations

from typing import Any, Callable, Generic, Iterable, Iterator, TypeVar

from .greenthread import GreenletExit, GreenThread, spawn
from .queue import LightQueue
from .semaphore import Semaphore

__all__ = ["GreenMap", "Maps", "UnorderedMap"]

T = TypeVar("T")

#: Spawns a thread that calls a function with arguments.
Spawn = Callable[..., "GreenThread[Any]"]


class _End:
    """The last thing in the queue of results: what the iterable raised, or nothing."""

    def __init__(self, error: BaseException | None = None, count: int | None = None) -> None:
        self.error = error
        #: How many results there are in all, if they may still come behind this.
        self.count = count


class GreenMap(Generic[T]):
    """An iterator over results, in the order of the arguments.

    An exception of the function's, or of the iterable's, is raised by the `next` that would have
    given the result; those after a failed call can still be had. At most ``size`` calls are
    running or have results that nobody took. Whoever stops halfway need do nothing: no
    new calls are made once the iterator is dropped, or closed.

    For one consumer at a time, of any OS thread.
    """

    def __init__(
        self, size: int, spawner: Spawn, function: Callable[..., T], arguments: Iterable[Any]
    ) -> None:
        """Not for callers: see ``imap`` and ``starmap`` of the pools."""
        self._room = Semaphore(size)
        self._results: LightQueue[GreenThread[T] | _End] = LightQueue()
        self._feeder = self._feed(size, spawner, function, iter(arguments))

    def _feed(
        self, size: int, spawner: Spawn, function: Callable[..., T], arguments: Iterator[Any]
    ) -> GreenThread[None]:
        # It must not refer to this object, which would otherwise never be dropped.
        return spawn(_feed_in_order, self._room, self._results, spawner, function, arguments)

    def __iter__(self: Self) -> Self:
        return self

    def __next__(self) -> T:
        """The next result. Suspends until it is there."""
        result = self._next()
        if isinstance(result, _End):
            # Whoever asks again is told again, but of an error only once.
            self._results.put(_End())
            if result.error is not None:
                raise result.error
            raise StopIteration
        try:
            return result.wait()
        finally:
            self._room.release()

    next = __next__

    def _next(self) -> GreenThread[T] | _End:
        return self._results.get()

    def close(self) -> None:
        """Makes no more calls, and has no more results. Those running go on. Does not suspend."""
        if not self._feeder.dead:
            self._feeder._throw(GreenletExit())
        results, self._results = self._results, LightQueue()
        self._results.put(_End())
        # For one who waits in `next`.
        results.put(_End())

    def __del__(self) -> None:
        feeder = getattr(self, "_feeder", None)
        if feeder is not None and not feeder.dead:
            feeder._throw(GreenletExit())


Self = TypeVar("Self", bound=GreenMap[Any])


def _feed_in_order(
    room: Semaphore,
    results: LightQueue[Any],
    spawner: Spawn,
    function: Callable[..., object],
    arguments: Iterator[Any],
) -> None:
    end = _End()
    try:
        while True:
            room.acquire()
            try:
                args = next(arguments)
            except StopIteration:
                break
            thread = spawner(function, *args)
            thread._take()
            results.put(thread)
    except GreenletExit:
        # Closed. To end by it would keep the iterable alive, in a traceback.
        return
    except BaseException as error:
        end.error = error
    results.put(end)


class UnorderedMap(GreenMap[T]):
    """The same, in the order in which the calls end."""

    _end: _End | None = None
    _seen = 0

    def _feed(
        self, size: int, spawner: Spawn, function: Callable[..., T], arguments: Iterator[Any]
    ) -> GreenThread[None]:
        return spawn(_feed_as_they_end, self._room, self._results, spawner, function, arguments)

    def _next(self) -> GreenThread[T] | _End:
        while self._end is None or self._seen != self._end.count:
            result = self._results.get()
            if not isinstance(result, _End):
                self._seen += 1
                return result
            if result.count is None:
                return result
            self._end = result
        end, self._end = self._end, None
        return end


def _feed_as_they_end(
    room: Semaphore,
    results: LightQueue[Any],
    spawner: Spawn,
    function: Callable[..., object],
    arguments: Iterator[Any],
) -> None:
    end = _End()
    count = 0
    try:
        while True:
            room.acquire()
            try:
                args = next(arguments)
            except StopIteration:
                break
            spawner(function, *args).link(results.put)
            count += 1
    except GreenletExit:
        # Closed. To end by it would keep the iterable alive, in a traceback.
        return
    except BaseException as error:
        end.error = error
    end.count = count
    results.put(end)


class Maps:
    """What pools and groups have in common: mapping over arguments."""

    def _map_size(self) -> int:
        """How many calls a map may have under way."""
        raise NotImplementedError

    def _map_spawn(self) -> Spawn:
        """What makes a thread for a call of a map."""
        raise NotImplementedError

    def starmap(self, function: Callable[..., T] | None, iterable: Iterable[Any]) -> GreenMap[T]:
        """``function(*args)`` for each ``args`` of ``iterable``, at the same time.

        :param function: None gives back the arguments.
        :returns: an iterator over the results, in the order of the arguments.

        Does not suspend; to take from the iterator does.
        """
        return GreenMap(
            max(1, self._map_size()), self._map_spawn(), function or _arguments, iterable
        )

    def imap(self, function: Callable[..., T] | None, *iterables: Iterable[Any]) -> GreenMap[T]:
        """`starmap` over what is taken from all iterables side by side, as ``map`` does."""
        return self.starmap(function, zip(*iterables))

    def imap_unordered(
        self, function: Callable[..., T] | None, *iterables: Iterable[Any]
    ) -> UnorderedMap[T]:
        """`imap` whose results come in the order in which the calls end."""
        return UnorderedMap(
            max(1, self._map_size()), self._map_spawn(), function or _arguments, zip(*iterables)
        )


def _arguments(*args: Any) -> Any:
    return args
