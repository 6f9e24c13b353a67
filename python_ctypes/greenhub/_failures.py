"""What becomes of an exception that leaves a green thread and that nobody takes.

It is reported once, through the function that `set_excepthook` sets. Who takes an exception, so
that nothing is reported, is said at `greenhub.greenthread.GreenThread`.
"""

from __future__ import annotations

import atexit
import sys
import traceback
import weakref
from typing import TYPE_CHECKING, Any, Callable

from . import _core

if TYPE_CHECKING:
    from .greenthread import GreenThread

#: Called with the thread's name and the exception.
Hook = Callable[[str, BaseException], object]

#: For how many seconds a failed thread that is still referred to may stay unwaited for before its
#: exception is reported all the same: a server that keeps its workers in a list, and never waits
#: for them, has to learn of their death.
PATIENCE = 1.0

# How often it is looked whether somebody still refers to it, meanwhile.
_LOOKS = 20

_enabled = True

# Those whose exception nobody has taken so far. To pop from a dict is atomic: one report each.
_unclaimed: dict[weakref.ref[GreenThread[Any]], tuple[str, BaseException]] = {}


def print_exception(name: str, error: BaseException) -> None:
    """The default hook: writes the name and the traceback to ``sys.stderr``. Never raises."""
    stream = sys.stderr
    if stream is None:
        return
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        stream.write("Exception in green thread %s:\n%s" % (name, text))
        stream.flush()
    except (OSError, ValueError):
        # Standard error is closed or gone: there is nobody left to tell.
        pass


_hook: Hook = print_exception


def set_excepthook(hook: Hook | None) -> Hook:
    """Sets what is called with ``(name, exception)`` for an exception that nobody takes.

    :param hook: the function, or None for the default, which prints to ``sys.stderr``.
    :returns: the function that was set before.

    For the whole process; any OS thread may call it. Does not suspend.
    """
    global _hook
    before, _hook = _hook, print_exception if hook is None else hook
    return before


def enable(state: bool) -> None:
    """Turns all reports on or off (`greenhub.debug.hub_exceptions`)."""
    global _enabled
    _enabled = state


def report(name: str, error: BaseException) -> None:
    """Reports ``error`` now. A hook that fails is itself reported, by the default one."""
    if not _enabled:
        return
    try:
        _hook(name, error)
    except Exception as failure:
        print_exception(name, error)
        print_exception("%s (its excepthook)" % name, failure)


def keep(thread: GreenThread[Any], error: BaseException) -> None:
    """Reports the exception of a thread that is about to end, unless `take` comes first."""
    ref = weakref.ref(thread)
    _unclaimed[ref] = (thread.name, error)
    if thread._taken:
        # Since the thread looked: by another OS thread, or by one that runs in its slice.
        take(thread)
        return
    _core.spawn(None, _watch, (ref,), None)


def take(thread: GreenThread[Any]) -> None:
    """Somebody has the exception of this thread now."""
    _unclaimed.pop(weakref.ref(thread), None)


def _watch(ref: weakref.ref[GreenThread[Any]]) -> None:
    # The one that failed was ready before this one, so it has ended: if it is gone nobody can ask.
    for _ in range(_LOOKS):
        if ref() is None:
            break
        _core.sleep(PATIENCE / _LOOKS)
    _report(ref)


def _report(ref: weakref.ref[GreenThread[Any]]) -> None:
    unclaimed = _unclaimed.pop(ref, None)
    if unclaimed is not None:
        report(*unclaimed)


@atexit.register
def _report_all() -> None:
    for ref in list(_unclaimed):
        _report(ref)
