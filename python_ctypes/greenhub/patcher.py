"""Makes the standard library, and every C library of the process, cooperative.

`monkey_patch` changes nothing in Python's modules: the functions of libc that they call, and that
drivers written in C call, are exchanged beneath them (gh_patch of the C header). So the order of
imports and patches does not matter, objects made before serve as those made after, and a late or
repeated call does what an early one does. docs/patching.md has the list of functions.

One thing is replaced in Python: with ``thread``, starting a thread starts a green thread.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from . import _core, _threads
from ._bindings import (
    GH_PATCH_ALL,
    GH_PATCH_CONNECTION,
    GH_PATCH_LOADING,
    GH_PATCH_LOCKS,
    GH_PATCH_NAMES,
    GH_PATCH_PROCESS,
    GH_PATCH_SLEEP,
    GH_PATCH_STREAM,
    GH_PATCH_WAIT,
)

__all__ = ["import_patched", "inject", "is_monkey_patched", "monkey_patch", "original"]

_STREAMS = GH_PATCH_STREAM | GH_PATCH_CONNECTION | GH_PATCH_WAIT

#: What each word stands for. The last three are drivers and built-in functions, for which eventlet
#: has words of their own and which wait for the same descriptors.
_FAMILIES = {
    "os": GH_PATCH_PROCESS | _STREAMS,
    "select": GH_PATCH_WAIT,
    "socket": GH_PATCH_NAMES | _STREAMS,
    "subprocess": GH_PATCH_PROCESS | _STREAMS,
    "thread": GH_PATCH_LOCKS,
    "time": GH_PATCH_SLEEP,
    "psycopg": GH_PATCH_NAMES | _STREAMS,
    "MySQLdb": GH_PATCH_NAMES | _STREAMS,
    "builtins": _STREAMS,
}

#: Modules under whose names the words are asked for, too.
_MODULES = {
    "_socket": "socket",
    "_thread": "thread",
    "queue": "thread",
    "selectors": "select",
    "ssl": "socket",
    "threading": "thread",
}

_patched: set[str] = set()


def monkey_patch(**on: bool) -> None:
    """Makes whatever waits in libc suspend the calling green thread instead of its OS thread.

    Without arguments everything is. With words of `eventlet.monkey_patch` that are true only these
    are; with words that are false, all others. ``all`` says what is to be with those that are not
    given. Who is served already is not touched; nothing is ever undone.

    :param on: ``os``, ``select``, ``socket``, ``subprocess``, ``thread``, ``time``, ``psycopg``,
        ``MySQLdb``, ``builtins``, ``all``
    :raises TypeError: another word
    :raises OSError: the process cannot be patched: it was linked statically, or the kernel forbids
        to make its link tables writable

    Acts for all OS threads and objects of the process, those that are loaded later included. Does
    not suspend.
    """
    unknown = sorted(set(on) - set(_FAMILIES) - {"all"})
    if unknown:
        raise TypeError("monkey_patch() got an unexpected keyword argument %r" % unknown[0])
    rest = on.pop("all", None)
    if rest is None:
        rest = not any(on.values())
    words = {word for word in _FAMILIES if on.get(word, rest)}
    if not words:
        return
    families = GH_PATCH_LOADING
    for word in words:
        families |= _FAMILIES[word]
    _serve(families & GH_PATCH_ALL)
    if "thread" in words:
        _threads.start_green()
    _patched.update(words)


def _serve(families: int) -> None:
    _core.patch(families)
    _threads.know_apart()
    _threads.hear()


def serve_locks() -> None:
    """Has the locks of `threading` suspend green threads, and nothing else."""
    _serve(GH_PATCH_LOCKS | GH_PATCH_LOADING)


def is_monkey_patched(module: ModuleType | str) -> bool:
    """Whether what a module waits for suspends green threads.

    :param module: a module of the standard library, or its name, or a word of `monkey_patch`
    """
    name = module if isinstance(module, str) else module.__name__
    return _MODULES.get(name, name) in _patched


def import_patched(
    module_name: str, *additional: tuple[str, ModuleType], **more: ModuleType
) -> ModuleType:
    """Imports a module whose waits suspend green threads: everything is patched, if it is not yet.

    :param additional: pairs of a name and a module, set in the module under that name
    :param more: the same as keywords
    :returns: the module itself. eventlet's is a copy; here there is one of each.
    """
    monkey_patch()
    module = importlib.import_module(module_name)
    for name, other in (*additional, *more.items()):
        setattr(module, name, other)
    return module


def inject(
    module_name: str, new_globals: dict[str, object] | None, *additional: tuple[str, ModuleType]
) -> ModuleType:
    """`import_patched`, with the module's names copied into ``new_globals``."""
    module = import_patched(module_name, *additional)
    if new_globals is not None:
        new_globals.update(
            (name, value) for name, value in vars(module).items() if not name.startswith("__")
        )
    return module


def original(module_name: str) -> ModuleType:
    """The module as the interpreter has it, which nothing was replaced in.

    What it calls waits cooperatively all the same if `monkey_patch` was called. To block the OS
    thread on purpose, call gh_patch_pause() of the C header first.
    """
    module = sys.modules.get(module_name)
    return importlib.import_module(module_name) if module is None else module
