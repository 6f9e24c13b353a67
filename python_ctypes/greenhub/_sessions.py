"""``sys.stdin`` and its like, apart for each green thread that talks to somebody at a console.

While there are such sessions the standard streams are stand-ins, which lead those threads to their
own streams and everybody else to the ones that were there before. `print`, `help` and `input` in a
session so go to its console, and what the rest of the program prints goes where it always went.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from . import _core

_NAMES = ("stdin", "stdout", "stderr", "displayhook")


class Session:
    """What a thread has in place of the names above."""

    def __init__(self, stream: Any, names: dict[str, Any]) -> None:
        self.stdin = self.stdout = self.stderr = stream
        self._names = names

    def displayhook(self, value: object) -> None:
        """As `sys.displayhook`, which would leave the value in the program's own builtins."""
        if value is not None:
            self._names["_"] = None
            self.stdout.write(repr(value) + "\n")
            self._names["_"] = value


#: By the object of the running green thread.
_sessions: dict[object, Session] = {}


class _Nowhere:
    """What a program without standard streams, a daemon, reads and writes."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""

    def readline(self, size: int = -1) -> str:
        return ""


_NOWHERE = _Nowhere()


class _StandIn:
    """Stands in for one name of `sys`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._usual = getattr(sys, name)

    def _own(self) -> Any:
        # Asked of every OS thread: this makes no hub for one that has none.
        session = _sessions.get(_core.current())
        if session is not None:
            return getattr(session, self._name)
        return _NOWHERE if self._usual is None else self._usual

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own(), name)

    def __call__(self, value: object) -> None:
        self._own()(value)

    def __iter__(self) -> Any:
        return iter(self._own())

    def __next__(self) -> Any:
        return next(self._own())


_stand_ins: dict[str, _StandIn] = {}
_lock = threading.Lock()


def begin(thread: object, session: Session) -> None:
    """From now on a green thread has streams of its own."""
    with _lock:
        if not _sessions:
            for name in _NAMES:
                _stand_ins[name] = _StandIn(name)
                setattr(sys, name, _stand_ins[name])
        _sessions[thread] = session


def end(thread: object) -> None:
    """Undoes `begin`. After the last one the standard streams are as they were, unless somebody has
    replaced them since."""
    with _lock:
        del _sessions[thread]
        if _sessions:
            return
        for name, stand_in in _stand_ins.items():
            if getattr(sys, name) is stand_in:
                setattr(sys, name, stand_in._usual)
        _stand_ins.clear()
