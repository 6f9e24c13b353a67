"""asyncio and green threads in one OS thread, for programs on their way from one to the other.

::

    async def main():
        with aio.install():                            # green threads run while the loop does
            thread = greenhub.spawn(work, 1, 2)
            print(await thread)                        # what work() returns

    def work(a, b):
        return aio.run_coroutine(ask(a, b))            # what the coroutine returns

    asyncio.run(main())

The hub becomes a guest of the loop: it watches the hub's descriptor, and lets green threads run for
about a millisecond at a time when there is something to do. Nothing has to be patched for that.
Where `greenhub.monkey_patch` has made waiting cooperative the hub runs while the loop waits, all by
itself, as it does for a loop inside a green thread; then `install` has no more to do than to
remember the loop. The same program serves before and after a patch.

A coroutine that waits by `greenhub.sleep` or any other call of this package stops its loop
meanwhile, as it would with `time.sleep`. Coroutines await; green threads wait.
"""

from __future__ import annotations

import asyncio
from functools import partial
from types import TracebackType
from typing import Any, Coroutine, TypeVar

from . import _core
from ._exceptions import GreenletExit
from ._library import library
from ._thread_object import GreenThread, getcurrent
from ._waiter import Waiter
from .patcher import is_monkey_patched

__all__ = ["Guest", "install", "run_coroutine", "to_future", "wait"]

T = TypeVar("T")
Loop = asyncio.AbstractEventLoop


class Guest:
    """A hub as the guest of a loop, as `install` makes it. Leaving it as a context closes it."""

    def __init__(self, loop: Loop, hub: int) -> None:
        """Not for callers: see `install`."""
        #: The loop.
        self.loop = loop
        self._hub = hub
        self._users = 1
        # -1 while the hub needs no help.
        self._descriptor = -1
        self._soon: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._when = 0.0

    def close(self) -> None:
        """Undoes one `install`; the last one undone, green threads wait until the OS thread's own
        code waits by other means. Does not suspend."""
        self._users -= 1
        if self._users > 0 or _guests.get(self._hub) is not self:
            return
        del _guests[self._hub]
        self._leave()

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _enter(self) -> None:
        if is_monkey_patched("select"):
            return
        left = _core.turn()
        descriptor: int = library.gh_hub_fd(self._hub)
        self.loop.add_reader(descriptor, self._readable)
        self._descriptor = descriptor
        self._plan(left)

    def _leave(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0 and not self.loop.is_closed():
            self.loop.remove_reader(descriptor)
        for handle in (self._soon, self._timer):
            if handle is not None:
                handle.cancel()
        self._soon = self._timer = None

    def _readable(self) -> None:
        # With a turn to come in any case the loop's own callbacks are first.
        if self._soon is None:
            self._turn()

    def _timer_fired(self) -> None:
        self._timer = None
        self._readable()

    def _turn(self) -> None:
        self._soon = None
        if self._descriptor < 0:
            return
        if is_monkey_patched("select"):
            # Since the last turn: two epoll sets that watch each other could not be waited for.
            self._leave()
            return
        left: float | None = 0.0
        try:
            # What is raised here was thrown into this OS thread's own code: SystemExit, say.
            left = _core.turn()
        finally:
            self._plan(left)

    def _plan(self, left: float | None) -> None:
        """The next turn, besides what the descriptor tells of."""
        if self._descriptor < 0 or self.loop.is_closed():
            return
        if left == 0:
            self._soon = self.loop.call_soon(self._turn)
        elif left is not None:
            when = self.loop.time() + left
            if self._timer is not None:
                if self._when <= when:
                    return
                self._timer.cancel()
            self._when = when
            self._timer = self.loop.call_at(when, self._timer_fired)


_guests: dict[int, Guest] = {}


def _hub() -> int:
    # Makes the hub, or says why it cannot be.
    _core.ident()
    return library.gh_hub_current() or 0


def install(loop: Loop | None = None) -> Guest:
    """Has the green threads of the calling OS thread run while a loop of the same OS thread does.

    :param loop: the running one if None. It may not run yet.
    :returns: what undoes it: by ``with``, or by `Guest.close`. A loop that is closed needs neither.
    :raises RuntimeError: there is no running loop, the green threads run in another one already, or
        the caller is a green thread and nothing is patched (see `greenhub.monkey_patch`).

    May be done several times for one loop, and is then undone as many times. Deadlines, timeouts
    and wake-ups from other OS threads are heeded as ever. Green threads that are always ready share
    the OS thread with the loop: about a millisecond, then the loop's callbacks, and so on.

    Ready green threads run before it returns, unless they run by themselves. Does not suspend.
    """
    if loop is None:
        loop = asyncio.get_running_loop()
    hub = _hub()
    guest = _guests.get(hub)
    if guest is not None and not guest.loop.is_closed():
        if guest.loop is not loop:
            raise RuntimeError("green threads of this OS thread run in another loop already")
        guest._users += 1
        return guest
    guest = Guest(loop, hub)
    guest._enter()
    _guests[hub] = guest
    return guest


def to_future(thread: GreenThread[T], loop: Loop | None = None) -> asyncio.Future[T]:
    """A future of what a green thread ends by. ``await thread`` awaits it.

    :param thread: one of any OS thread.
    :param loop: the future's loop, which is the caller's; the running one if None.
    :returns: a future with the result, or the very exception. It is cancelled if the thread was
        killed by a `GreenletExit`. Cancelling it kills the thread, which ends in its own time:
        ``asyncio.shield`` keeps it alive.
    :raises RuntimeError: there is no running loop, or the thread would never run: it belongs to
        this OS thread, nothing is patched, and `install` was not called.

    Does not suspend.
    """
    if loop is None:
        loop = asyncio.get_running_loop()
    if (
        not thread.dead
        and thread._root is getcurrent()._root
        and not is_monkey_patched("select")
        and _hub() not in _guests
    ):
        raise RuntimeError("green threads do not run in this loop: call greenhub.aio.install()")
    future: asyncio.Future[T] = loop.create_future()
    thread._take()
    thread._when_done(partial(_tell, loop, future))
    future.add_done_callback(partial(_kill, thread))
    return future


async def wait(thread: GreenThread[T]) -> T:
    """Awaits the end of a green thread: see `to_future`.

    :returns: what its function returned.
    :raises BaseException: the very instance that left its function; ``CancelledError`` if it was
        killed.
    """
    return await to_future(thread)


def _tell(loop: Loop, future: asyncio.Future[Any], thread: GreenThread[Any]) -> None:
    """At the thread's end, on its OS thread: the loop may wait, or be another OS thread's."""
    try:
        loop.call_soon_threadsafe(_settle, future, thread)
    except RuntimeError:
        # The loop is closed: nobody waits for the future any more.
        pass


def _settle(future: asyncio.Future[Any], thread: GreenThread[Any]) -> None:
    if future.done():
        return
    error = thread._error
    if error is None:
        future.set_result(thread._value)
    elif isinstance(error, (GreenletExit, asyncio.CancelledError)):
        future.cancel()
    elif isinstance(error, StopIteration):
        # A future takes none, as it would end whoever awaits it.
        refused = RuntimeError("a green thread raised StopIteration")
        refused.__cause__ = error
        future.set_exception(refused)
    else:
        future.set_exception(error)


def _kill(thread: GreenThread[Any], future: asyncio.Future[Any]) -> None:
    if future.cancelled() and not thread.dead:
        thread._throw(GreenletExit())


class _Call:
    """A coroutine that a green thread waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], loop: Loop) -> None:
        self.waiter = Waiter()
        self._coroutine = coroutine
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        if self.waiter.gone():
            self._coroutine.close()
            return
        self._task = self._loop.create_task(self._coroutine)
        self._task.add_done_callback(self.waiter.hand)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


def run_coroutine(coro: Coroutine[Any, Any, T], loop: Loop | None = None) -> T:
    """Runs a coroutine as a task of a loop, and waits for it. For green threads.

    :param loop: one of any OS thread; None for the one that `install` was called for here. It
        has to run, now or later.
    :returns: what the coroutine returns.
    :raises BaseException: the very exception that leaves the coroutine; ``CancelledError`` if its
        task was cancelled.
    :raises RuntimeError: the loop is closed, or unknown, or is the one that calls: there one
        awaits.
    :raises TypeError: ``coro`` is no coroutine.

    Suspends. A kill or a `greenhub.Timeout` is raised at once and has the task cancelled, which
    then ends in its own time. The task sees the green thread's context variables.
    """
    if not asyncio.iscoroutine(coro):
        raise TypeError("run_coroutine takes a coroutine, not %r" % (coro,))
    try:
        if loop is None:
            guest = _guests.get(_hub())
            if guest is None:
                raise RuntimeError("no loop: call greenhub.aio.install(), or name one")
            loop = guest.loop
        if asyncio._get_running_loop() is loop:
            raise RuntimeError("the loop would wait for itself: await the coroutine")
        call = _Call(coro, loop)
        loop.call_soon_threadsafe(call.begin)
    except BaseException:
        # Or it would be said that nobody has awaited it.
        coro.close()
        raise
    waiter = call.waiter
    try:
        waiter.wait()
    except BaseException:
        if waiter.claim():
            _cancel(call, loop)
        raise
    result: T = waiter.value.result()
    return result


def _cancel(call: _Call, loop: Loop) -> None:
    try:
        loop.call_soon_threadsafe(call.cancel)
    except RuntimeError:
        # The loop is closed, and its tasks have been cancelled with it.
        pass
