"""The green thread as an object: what it ends by, who waits for that, how it is killed."""

from __future__ import annotations

from typing import Any, Callable, Generator, TypeVar, cast

from . import _child, _core, _failures
from ._exceptions import GreenletExit, from_throw_args

T = TypeVar("T")

SPAWNED = 0
RUNNING = 1
DONE = 2


def told_instead(error: BaseException) -> BaseException:
    """What a thread ends by that ``error`` has left.

    A driver written in C that was told of a kill raises an error of its own. What was thrown is
    still to be raised then, and stands for whatever `Exception` has left the thread since, as if
    the driver's call had raised it: the other one is its ``__context__``. What is no `Exception` is
    somebody's wish, and stays.
    """
    told = _core.take_told()
    if told is None or not isinstance(error, Exception):
        return error
    if told.__context__ is None:
        told.__context__ = error
    return told.with_traceback(error.__traceback__)


class _Link:
    """A function to be called at a thread's end. Compared by identity, unlike what it holds."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(
        self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def call(self, thread: GreenThread[Any]) -> None:
        self.function(thread, *self.args, **self.kwargs)


def _root_name() -> None:
    """Stands in for the function of a root, which has none."""


class GreenThread(_core.Thread[T]):
    """A green thread, as `spawn` and its kin return it and `getcurrent` finds it.

    It is true between its first turn and its end.

    **Exceptions.** One that leaves the function is kept, and every `wait` raises it. It is taken,
    and reported nowhere, if somebody waits for the thread or has linked a function at its end, or
    waits later on: as long as the thread is referred to, for a second. Otherwise it is reported
    once, with the thread's name, to the function that `greenhub.set_excepthook` sets: at once if
    nobody refers to the thread any more, after that second, or when the program ends.
    `GreenletExit` is never reported. `SystemExit` and `KeyboardInterrupt` that nobody waits for
    are raised in the root of the OS thread, which they were meant for.

    **OS threads.** `wait`, `kill`, `cancel`, `link` and `unlink` may be called from any.
    """

    def __init__(self, function: Callable[..., object], root: GreenThread[Any] | None) -> None:
        """Not for callers: see `spawn`."""
        self._function = function
        self._root: GreenThread[Any] = self if root is None else root

    @staticmethod
    def _adopt() -> GreenThread[Any]:
        """Gives the running thread, which this package has not made, an object."""
        thread: GreenThread[Any] = GreenThread(_root_name, None)
        thread._ident = _core.ident()
        thread._state = RUNNING
        thread._name = "root-%d" % thread._ident
        _core.set_current(thread)
        return thread

    def __repr__(self) -> str:
        state = ("spawned", "running", "dead")[self._state]
        return "<%s %s, %s>" % (type(self).__name__, self.name, state)

    def __bool__(self) -> bool:
        return self._state == RUNNING

    @property
    def name(self) -> str:
        """The function's name and the thread's id, unless another was set."""
        if self._name is not None:
            return self._name
        function = getattr(self._function, "__qualname__", None) or repr(self._function)
        return "%s-%s" % (function, self._ident or "?")

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def dead(self) -> bool:
        """Whether the thread has ended. What is linked to it may still be running."""
        return self._state == DONE

    def _amend(self) -> None:
        """Has what was thrown stand for the driver's error that has left the function."""
        if self._error is not None:
            self._error = told_instead(self._error)
            self._traceback = self._error.__traceback__

    def _outcome(self) -> T:
        """What `wait` gives when the thread is dead, if that is not just a value."""
        error = self._error
        if error is None:
            return self._value
        self._take()
        try:
            # Raised more than once it would otherwise collect the frames of all who raised it.
            raise error.with_traceback(self._traceback)
        finally:
            # The exception refers to this frame, and this frame must not refer to it.
            del self, error

    def __await__(self) -> Generator[Any, None, T]:
        """Awaits the end in a coroutine of asyncio: see `greenhub.aio.to_future`."""
        # asyncio takes longer to import than all of this package.
        from .aio import to_future

        return to_future(self).__await__()

    def _discard(self, entry: int | _Link) -> bool:
        try:
            self._entries.remove(entry)
        except ValueError:
            return False
        return True

    def link(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Has ``function(thread, *args, **kwargs)`` called at the thread's end, by the thread.

        Linked functions are called in the order of linking; one that raises is reported, and the
        others are called all the same. If the thread is dead, the caller calls at once, and what
        the function raises leaves `link`.

        Suspends only if the function does.
        """
        self._take()
        self._link(_Link(function, args, kwargs))

    def _when_done(self, function: Callable[[GreenThread[Any]], object]) -> _Link:
        """`link` that leaves it to others to take the exception. `_discard` undoes it."""
        link = _Link(function, (), {})
        self._link(link)
        return link

    def _link(self, link: _Link) -> None:
        self._entries.append(link)
        # It may have ended in another OS thread since: who gets hold of the entry calls.
        if self._state == DONE and self._discard(link):
            link.call(self)

    def unlink(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> bool:
        """Undoes a `link` with the same arguments.

        :returns: whether there was one that has not been called yet.
        """
        for entry in list(self._entries):
            if isinstance(entry, _Link) and (entry.function, entry.args, entry.kwargs) == (
                function,
                args,
                kwargs,
            ):
                return self._discard(entry)
        return False

    def kill(self, *throw_args: Any) -> None:
        """Raises an exception in the thread, out of the call in which it waits.

        :param throw_args: an instance, or a class, or type, value and traceback; nothing means
            `GreenletExit`.
        :raises TypeError: they are none of these.

        The thread handles it before `kill` returns, as far as its next wait; if it belongs to
        another OS thread, it does so in its own time. One that has not started never does: its
        function is not called, and whoever waits for it gets the exception. A dead thread is left
        alone. A thread that kills itself is not told apart: the exception leaves `kill`.

        Suspends, unless the thread is dead or the caller.
        """
        error = from_throw_args(throw_args)
        if self._state == DONE:
            return
        me = getcurrent()
        if self is me:
            raise error
        self._throw(error)
        if self._root is me._root:
            _core.sleep(0)

    #: What a greenlet calls it.
    throw = kill

    def cancel(self, *throw_args: Any) -> None:
        """`kill`, but only if the thread has not started; otherwise nothing."""
        if self._state == SPAWNED:
            self.kill(*throw_args)

    def _throw(self, error: BaseException) -> None:
        """`kill` that does not wait for the thread to handle it."""
        if self._state == SPAWNED:
            # The core would raise at the first wait, too late. Either _run() finds the doom or,
            # if it has begun in another OS thread meanwhile, the doom is taken back from it.
            doom = self._doom = [error]
            if self._state == SPAWNED:
                if self._delayed:
                    _core.unpark(self._ident)
                return
            try:
                doom.pop()
            except IndexError:
                return
        _core.throw(self._ident, error)

    def _is_doomed(self) -> bool | None:
        """Ends the thread, which is to start, by what was thrown before; None if nothing was."""
        try:
            error = (self._doom or []).pop()
        except IndexError:
            # Taken back, by one who has found that the thread had begun.
            return None
        self._error = error
        self._traceback = error.__traceback__
        return True

    def _take(self) -> None:
        """Somebody wants the outcome: it is not to be reported."""
        self._taken = True
        if self._error is not None:
            _failures.take(self)

    def _fail(self, error: BaseException) -> None:
        error = told_instead(error)
        self._error = error
        # Without the frame of this module: it refers to the thread, which refers to the error.
        traceback = error.__traceback__
        self._traceback = None if traceback is None else traceback.tb_next
        error.__traceback__ = self._traceback

    def _finish(self) -> None:
        """The thread's last act: wakes who waits, calls what is linked, speaks of what is left.

        The core does the first for whom it runs itself, and calls this if there is more to do.
        """
        self._end()
        entries = self._entries
        if entries:
            for entry in list(entries):
                if isinstance(entry, int):
                    _core.unpark(entry)
            self._call_links()
        error = self._error
        if error is not None and not self._taken and self._root is not self:
            self._unhandled(error)

    def _leave(self) -> None:
        """What the core calls last for a thread that is its own root, as one that has forked is."""
        _child.leave(self._error)

    def _call_links(self) -> None:
        for entry in list(self._entries):
            if isinstance(entry, _Link) and self._discard(entry):
                try:
                    entry.call(self)
                except GreenletExit:
                    pass
                except BaseException as error:
                    _failures.report("%s (a link of it)" % self.name, error)

    def _unhandled(self, error: BaseException) -> None:
        if isinstance(error, GreenletExit):
            return
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            root = self._root
            if root is not self and _core.throw(root._ident, error):
                return
        if self._detached:
            _failures.report(self.name, error)
        else:
            _failures.keep(self, error)


def getcurrent() -> GreenThread[Any]:
    """The running green thread; in code that runs in none, the root of the OS thread.

    Does not suspend.
    """
    thread = _core.current()
    if thread is None:
        thread = GreenThread._adopt()
    return cast("GreenThread[Any]", thread)
