"""Calls that would block the hub, made in OS threads while only the caller waits."""

from __future__ import annotations

from _queue import SimpleQueue
from _thread import start_new_thread
from collections import deque
from typing import Any, Callable, TypeVar

from . import _failures
from ._maps import Maps, Spawn
from ._turns import Turns
from ._waiter import Waiter
from .greenthread import GreenThread, spawn

__all__ = ["ThreadPool"]

T = TypeVar("T")

#: Whether exceptions are also reported from the OS thread (`greenhub.debug.tpool_exceptions`).
report_exceptions = False


class _Job(Waiter):
    """A call that a green thread waits for."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__()
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def run(self) -> None:
        try:
            self.value = self.function(*self.args, **self.kwargs)
        except BaseException as error:
            if report_exceptions:
                _failures.report("thread pool", error)
            traceback = error.__traceback__
            error.__traceback__ = None if traceback is None else traceback.tb_next
            self.error = error

    def end(self) -> None:
        # If the green thread was killed meanwhile there is nobody who wants to know.
        if self.claim():
            self.finish()


class _Worker:
    """An OS thread, with the place where it finds its next job; None means to end."""

    __slots__ = ("inbox",)

    def __init__(self) -> None:
        self.inbox: SimpleQueue[_Job | None] = SimpleQueue()


class ThreadPool(Turns, Maps):
    """OS threads, as many as there are calls and ``size`` at most. They are started when needed.

    Calls begin in the order in which they came. Every method may be called from any OS thread.
    """

    def __init__(self, size: int = 20) -> None:
        """
        :param size: how many OS threads there may be.
        :raises ValueError: it is less than 1.
        """
        super().__init__()
        self._jobs: deque[_Job] = deque()
        self._idle: deque[_Worker] = deque()
        # Notes that all who are idle are to end.
        self._closing: deque[None] = deque()
        self._started = 0
        self._size = _checked(size)

    def __repr__(self) -> str:
        return "<%s at %#x, %d of %d threads, %d calls waiting>" % (
            type(self).__name__,
            id(self),
            self._started,
            self._size,
            len(self._jobs),
        )

    @property
    def size(self) -> int:
        """How many OS threads there may be. May be set; those in excess end when they are idle."""
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        self._size = _checked(size)
        self._settle()

    def execute(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Calls ``function(*args, **kwargs)`` in an OS thread.

        :returns: what it returns.
        :raises BaseException: the very instance that it raises.

        Suspends the calling green thread only. If that is killed the OS thread goes on, as nothing
        can stop it, and its result is dropped; a call that has not begun is not made.
        """
        job = _Job(function, args, kwargs)
        self._jobs.append(job)
        self._settle()
        try:
            job.wait()
        except BaseException:
            job.claim()
            raise
        error = job.error
        if error is None:
            result: T = job.value
            return result
        try:
            raise error
        finally:
            # The exception refers to this frame, and this frame must not refer to it.
            del error, job

    def spawn(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> GreenThread[T]:
        """A green thread that does `execute`: for its ``wait()``, ``link()`` and ``kill()``."""
        return spawn(self.execute, function, *args, **kwargs)

    def apply(
        self,
        function: Callable[..., T],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> T:
        """`execute` with the arguments in a tuple and a dict."""
        return self.execute(function, *args, **(kwargs or {}))

    def close(self) -> None:
        """Ends the OS threads that are idle. A later call starts new ones. Does not suspend."""
        self._closing.append(None)
        self._settle()

    def _map_size(self) -> int:
        return self._size

    def _map_spawn(self) -> Spawn:
        return self.spawn

    def _pending(self) -> bool:
        return bool(
            self._closing
            or (self._jobs and (self._idle or self._started < self._size))
            or (self._idle and self._started > self._size)
        )

    def _work(self) -> None:
        while True:
            if self._jobs and self._idle:
                # The one that ran last has the warmest caches.
                self._idle.pop().inbox.put(self._jobs.popleft())
            elif self._jobs and self._started < self._size:
                self._start(self._jobs.popleft())
            elif self._idle and (self._closing or self._started > self._size):
                self._started -= 1
                self._idle.popleft().inbox.put(None)
            elif self._closing:
                self._closing.popleft()
            else:
                return

    def _identify(self) -> int:
        # An OS thread that only works here needs no hub, which to ask the core would make.
        return 0

    def _start(self, job: _Job) -> None:
        worker = _Worker()
        worker.inbox.put(job)
        self._started += 1
        try:
            start_new_thread(self._main, (worker,))
        except BaseException as error:
            self._started -= 1
            job.error = error
            job.end()

    def _main(self, worker: _Worker) -> None:
        while True:
            job = worker.inbox.get()
            if job is None:
                return
            if not job.gone():
                job.run()
            # Idle first: the next call of the one who is woken then needs no other OS thread.
            self._idle.append(worker)
            job.end()
            # What it holds must not live until the next one comes.
            del job
            self._settle()


def _checked(size: int) -> int:
    if size < 1:
        raise ValueError("a thread pool's size must be at least 1")
    return size
