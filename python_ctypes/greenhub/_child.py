"""The child of ``os.fork``, when a green thread has forked.

It goes on there alone, as the main thread, but not in the main code: what called its function is
the hub. So the program ends where the function does.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import threading
from typing import Any, NoReturn

from . import _core
from ._exceptions import GreenletExit

#: The id of the green thread that forked; 0 where none has.
_forker = 0


def _after_fork() -> None:
    global _forker
    thread = _core.current()
    if thread is not None:
        thread._root = thread
    # A thread of `threading` is known by its ident alone.
    is_green = thread is not None or _thread.get_ident() >> 62
    _forker = _core.ident() if is_green else 0


def leave(error: BaseException | None) -> None:
    """Called by every green thread when its function has ended, and by what. Ends the child if it
    is the one that forked, as the end of the main code ends a program."""
    if _forker and _forker == _core.ident():
        _end(error)


def _end(error: BaseException | None) -> NoReturn:
    status = 0 if error is None or isinstance(error, GreenletExit) else _tell(error)
    # Finalization would go back to the thread state of the main code, which is the parent's.
    module: Any = threading
    try:
        module._shutdown()
    except AssertionError:
        # Up to 3.12, for a main thread that `threading` has not made.
        pass
    except BaseException as other:
        _tell(other)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # Closed, or nobody reads any more.
            status = 120
    os._exit(status)


def _tell(error: BaseException) -> int:
    """Says by what the program ends, as the interpreter does, and gives its status."""
    if not isinstance(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


os.register_at_fork(after_in_child=_after_fork)
