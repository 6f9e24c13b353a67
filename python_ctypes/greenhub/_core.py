"""The functions of the native core, with their types.

The library makes them as builtins at run time; ``_library`` finds the library and fetches them.
Everything else in this package stands on the functions below and knows nothing of where they
come from. They are bound here without a wrapper, because a Python frame more would cost
several times what a switch costs.

None of them lets go of the interpreter lock unless it waits. Those that wait are `sleep`, `park`,
and the ones for descriptors.
"""

from __future__ import annotations

import atexit
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar

from . import _library

if TYPE_CHECKING:
    from types import TracebackType

_functions: dict[str, Any] = _library.python_functions()

#: ``spawn(thread, function, args, kwargs)``: a green thread of the calling OS thread, ready behind
#: all others, calls ``function(*args, **kwargs)``. ``thread`` is what `current` gives inside, and
#: lives as long. What the function returns is dropped. Returns an id that is never used again.
spawn: Callable[[object, Callable[..., object], tuple[object, ...], dict[str, Any] | None], int] = (
    _functions["spawn"]
)

#: ``current()``: the ``thread`` of the running green thread, None in a root that has set none.
current: Callable[[], Any] = _functions["current"]

#: ``set_current(thread)``: what `current` gives from now on.
set_current: Callable[[object], None] = _functions["set_current"]

#: ``ident()``: the id of the running green thread, the root of the OS thread included.
ident: Callable[[], int] = _functions["ident"]

#: ``sleep(seconds)``: suspends at least so long; 0 or less lets every ready thread run first.
sleep: Callable[[float], None] = _functions["sleep"]

#: ``park(seconds=None)``: suspends until `unpark`, True, or until the time is over, False. An
#: `unpark` that came before is remembered, once, so that callers look at their condition again.
park: Callable[..., bool] = _functions["park"]

#: ``unpark(id)``: wakes from any OS thread, in the order of the calls; False if it is gone.
unpark: Callable[[int], bool] = _functions["unpark"]

#: ``throw(id, exception)``: raises this instance out of the call in which the thread waits, or out
#: of the next one that it makes; False if it is gone. From any OS thread. A second replaces the
#: first if that has not been raised yet.
throw: Callable[[int, BaseException], bool] = _functions["throw"]

#: ``throw_after(seconds, exception)``: `throw` to the calling thread after a time. Returns a timer.
throw_after: Callable[[float, BaseException], int] = _functions["throw_after"]

#: ``cancel_timer(timer, id)``: of the thread that has set it. False if it has fired; of a thread of
#: another OS thread it is a message, and True.
cancel_timer: Callable[[int, int], bool] = _functions["cancel_timer"]

#: ``take_back(id, exception)``: undoes a `throw` of this instance that has not been raised yet: 1;
#: 2 if a C library was told of it meanwhile, by an error of its call; 0 if it was raised, or the
#: thread belongs to another OS thread.
take_back: Callable[[int, BaseException], int] = _functions["take_back"]

#: ``take_told()``: takes back from the calling thread what a C library was told of, and gives it;
#: None for nothing.
take_told: Callable[[], BaseException | None] = _functions["take_told"]

#: ``stack_size(bytes)``: address space for the stacks of green threads to come, 0 for the default.
stack_size: Callable[[int], None] = _functions["stack_size"]

#: ``patch(families)``: makes families of libc's functions cooperative in every object of the
#: process, and tells green threads apart in the interpreter's own. Returns how many slots it has
#: changed.
patch: Callable[[int], int] = _functions["patch"]

#: ``unpatch()``: takes that back.
unpatch: Callable[[], int] = _functions["unpatch"]

#: ``at_end(function)``: every green thread calls it, without arguments, when it ends; None for
#: nothing.
at_end: Callable[[Callable[[], object] | None], None] = _functions["at_end"]

# Each call on a descriptor is made at once if it can be, and else suspends until it can be made,
# for `timeout` seconds at most, with None for as long as it takes, and 0 for not at all. Errors are
# OSErrors by their number, `socket.timeout` when the time is over, BlockingIOError for a call that
# would have had to wait and must not. Who closes the descriptor ends the wait with EBADF. Where
# nothing is patched, what opens and closes descriptors by other ways says so: `adopt`, `doubt`.

#: ``recv(fd, size, flags, timeout)``: what has come, b"" at the end. A thread that waits holds no
#: buffer.
recv: Callable[[int, int, int, float | None], bytes] = _functions["recv"]

#: ``recv_into(fd, buffer, size, flags, timeout)``: into a writable buffer, of which a size of 0
#: takes all. Returns how many bytes have come.
recv_into: Callable[[int, Any, int, int, float | None], int] = _functions["recv_into"]

#: ``send(fd, data, flags, timeout)``: returns how many bytes the socket has taken.
send: Callable[[int, Any, int, float | None], int] = _functions["send"]

#: ``sendall(fd, data, flags, timeout)``: the time is for all of it. After an exception nobody knows
#: how much was sent.
sendall: Callable[[int, Any, int, float | None], None] = _functions["sendall"]

#: ``accept(fd, timeout)``: a descriptor in blocking mode, and the peer's address; None where only
#: the standard library knows what that looks like. The listener keeps its mode, whichever it is.
accept: Callable[[int, float | None], tuple[int, Any]] = _functions["accept"]

#: ``wait_fd(fd, events, timeout=None)``: waits for events of poll(2), and returns those that have
#: come, 0 when the time is over. Any number of threads may wait for one descriptor.
wait_fd: Callable[..., int] = _functions["wait_fd"]

#: ``adopt(fd)``: the descriptor is new. Who still waits for its number gets EBADF.
adopt: Callable[[int], None] = _functions["adopt"]

#: ``doubt(fd)``: the descriptor may be new, or not. Nobody is told.
doubt: Callable[[int], None] = _functions["doubt"]

#: ``shutdown(fd, how)``: as `socket.shutdown`. Who waits for the socket looks again.
shutdown: Callable[[int, int], None] = _functions["shutdown"]

#: ``socket_methods(class, offset)``: methods by their names, for a class that is derived from
#: `socket.socket`, of which an object has its fields at this offset.
socket_methods: Callable[[type, int], dict[str, Callable[..., Any]]] = _functions["socket_methods"]

#: ``close(fd)``: who waits for the descriptor gets EBADF.
close: Callable[[int], None] = _functions["close"]

#: ``claim(ident)``, ``raise_thrown(signal, frame)``: how an exception is raised beneath Python. See
#: `_threads.hear`.
claim: Callable[[int], None] = _functions["claim"]
raise_thrown: Callable[[int, object], None] = _functions["raise_thrown"]

#: ``stand_in(id)``: from now on this green thread has the main thread's ident, as the root has: it
#: is ``threading.main_thread()``, may set handlers of signals, and runs them.
stand_in: Callable[[int], None] = _functions["stand_in"]

if TYPE_CHECKING:
    T = TypeVar("T")
    Self = TypeVar("Self")

    class Thread(Generic[T]):
        """The base of `GreenThread`, a class that the library makes at run time.

        What every spawn and every wait touches are fields of C's, which it changes by itself; all
        read as None, 0 or False at first.
        """

        #: What the thread calls, and the root of its OS thread.
        _function: Callable[..., object]
        _root: Any
        #: Its id; `SPAWNED`, `RUNNING` or `DONE`.
        _ident: int
        _state: int
        #: The outcome: ``_value`` is not there before, and ``_error`` is None without an exception.
        _value: T
        _error: BaseException | None
        _traceback: TracebackType | None
        #: Somebody wants the outcome.
        _taken: bool
        #: An exception that came before the start, which who takes it out raises.
        _doom: list[BaseException] | None
        #: The id of who has waited first, 0 for nobody; ``_entries`` has the others, and links.
        _waiter: int
        _entries: list[Any]
        _delayed: bool
        _detached: bool
        _name: str | None

        @classmethod
        def _start(
            cls: type[Self],
            function: Callable[..., object],
            args: tuple[Any, ...],
            kwargs: dict[str, Any] | None,
            /,
        ) -> Self:
            """Makes a green thread, ready behind all others, with an object of this class, whose
            ``_adopt()`` is called if the running one has none.

            It keeps what the function returns, or raises, and ends; then, if it has failed or has
            entries, it calls ``_finish()``. If it has a doom, it calls ``_is_doomed()`` first. If
            it is its own root, as who has forked is in the child, it calls ``_leave()`` last.
            """

        def wait(self) -> T:
            """Waits for the end of the thread. As often, and for as many threads, as one likes.

            :returns: what its function returned.
            :raises BaseException: the very instance that left its function; `GreenletExit` if it
                was killed or cancelled.
            :raises RuntimeError: a thread waits for itself, which would never end.

            Suspends unless the thread is dead.
            """

        def _join(self, seconds: float | None = None, /) -> bool:
            """Waits for the end, but not for the result. False if the time is over."""

        def _end(self) -> None:
            """The thread has ended: wakes who has waited first."""
else:
    Thread = _functions["Thread"]

#: ``turn()``: for a foreign event loop. Takes in what is ready or due, and lets green threads run,
#: for about a millisecond at most. Returns in how many seconds it must be called again at the
#: latest: 0 for at once, None for not before the hub's descriptor is readable. RuntimeError in a
#: green thread.
turn: Callable[[], float | None] = _functions["turn"]

#: ``census()``: for every green thread of the process, in the order of their making, its id, its
#: ``thread``, its innermost frame (None for one that has not started), and in words what it does
#: (None for one of another OS thread).
#: Frames of others are walked with the garbage collector off: see `_run_info`.
census: Callable[[], tuple[tuple[int, Any, FrameType | None, str | None], ...]]
census = _functions["census"]
#: ``keeps_gil()``: whether a switch keeps the interpreter lock. See `debug.keeps_gil`.
keeps_gil: Callable[[], bool | None] = _functions["keeps_gil"]
#: ``preempt(seconds, may, kind)``: ends what runs for longer than a slice, in the interpreter's own
#: code; 0 for no longer, which waits for the OS thread that looks. ``may`` and ``kind`` are those
#: of `_preemption`.
preempt: Callable[[float, Callable[[int, bool], bool], type], None] = _functions["preempt"]

#: ``take_thrown(kind)``: what was thrown into the running thread, for the class that stands for it.
take_thrown: Callable[[type], BaseException] = _functions["take_thrown"]

#: ``watch(seconds, prints)``: starts the watchdog, and gives its number. With ``prints`` it tells
#: by itself of those for whom the interpreter lock is not to be had.
watch: Callable[[float, bool], int] = _functions["watch"]

#: ``unwatch()``: stops it, and waits for that; False if it does not run.
unwatch: Callable[[], bool] = _functions["unwatch"]

#: ``next_report(number)``: what it tells next, None once it is stopped. Blocks the OS thread,
#: without the interpreter lock.
next_report: Callable[[int], dict[str, Any] | None] = _functions["next_report"]

# Nobody's slice is ended any more when the interpreter ends.
atexit.register(_functions["end"])
