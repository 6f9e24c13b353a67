"""Finds libgreenhub, loads it, and makes sure that it is one `_bindings` was written for.

Looked for in this order, and the first that is there is taken:

1. what $GREENHUB_LIBRARY names: a path, or a name for the loader. Nothing else will do then.
2. a libgreenhub of our ABI that the process has loaded already. Two copies would be two sets of
   hubs and of hooks, each of which knows nothing of the other's.
3. the one bundled with the package.
4. the system's, under its soname.

It is loaded with RTLD_LOCAL: nobody looks for gh_ names in the global scope, and an extension
module that is linked with libgreenhub gets this copy all the same, by its soname.

Loading makes no hub and no thread, and patches nothing.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable

from ._bindings import GH_ABI_VERSION, GH_VERSION_NUM, GH_VERSION_STRING, Functions

VARIABLE = "GREENHUB_LIBRARY"
BUNDLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libgreenhub.so")
SONAME = "libgreenhub.so.%d" % GH_ABI_VERSION


class _Symbol(ctypes.Structure):
    """Dl_info of dladdr(3)."""

    file: bytes | None
    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


def _error(text: str, file: str) -> ImportError:
    return ImportError("greenhub: " + text, name=__package__, path=file)


def _open(name: str, hint: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_LOCAL)
    except OSError as error:
        # The loader's text mostly names the file, but not always.
        reason = str(error) if name in str(error) else "%s: %s" % (name, error)
        raise _error("cannot load libgreenhub: %s%s" % (reason, hint), name) from None


def _loaded() -> ctypes.CDLL | None:
    """The library that the process has under our soname, if any."""
    try:
        return ctypes.CDLL(SONAME, mode=ctypes.RTLD_LOCAL | os.RTLD_NOLOAD)
    except OSError:
        return None


def _find() -> tuple[ctypes.CDLL, str]:
    """Loads the library, and tells the name by which it was found."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return _open(chosen, " ($%s names it)" % VARIABLE), chosen
    loaded = _loaded()
    if loaded is not None:
        return loaded, SONAME
    if os.path.exists(BUNDLED):
        return _open(BUNDLED, " (bundled with the package)"), BUNDLED
    hint = " (the system's: $%s is not set, and there is no %s)" % (VARIABLE, BUNDLED)
    return _open(SONAME, hint), SONAME


def _file(library: ctypes.CDLL, name: str) -> str:
    """The path of the file that was loaded, which the loader may have found in its own folders."""
    symbol = _Symbol()
    address = ctypes.cast(library.gh_abi_version, ctypes.c_void_p)
    # glibc before 2.34 has it in a library of its own, with which Python is mostly linked.
    dladdr = getattr(ctypes.CDLL(None), "dladdr", None)
    if dladdr and dladdr(address, ctypes.byref(symbol)) and symbol.file:
        return os.path.abspath(os.fsdecode(symbol.file))
    return name


def _check(library: ctypes.CDLL, file: str) -> None:
    """Compares versions before any other function is looked up: an older library lacks some.

    A newer library of the same ABI serves older callers (docs/abi.md), an older one does not.
    """
    library.gh_version_string.restype = ctypes.c_char_p
    abi = library.gh_abi_version()
    if abi == GH_ABI_VERSION and library.gh_version() >= GH_VERSION_NUM:
        return
    found = "%s with ABI %d" % (library.gh_version_string().decode(), abi)
    wanted = "%s or later with ABI %d" % (GH_VERSION_STRING, GH_ABI_VERSION)
    raise _error("%s is libgreenhub %s, but this package needs %s" % (file, found, wanted), file)


def _load() -> tuple[ctypes.CDLL, Functions, str]:
    """Everything that the module gives.

    :raises ImportError: no library, or one of another version; `path` is the file's
    """
    cdll, name = _find()
    try:
        file = _file(cdll, name)
        _check(cdll, file)
        return cdll, Functions(cdll), file
    except AttributeError as error:
        raise _error(
            "%s is not libgreenhub %s: %s" % (name, GH_VERSION_STRING, error), name
        ) from None


_cdll, library, path = _load()

# For functions that work with Python's objects, and so need the GIL, which `library` gives up. By
# the handle: the same path may lead to another file by now, which would be a second copy.
pydll = ctypes.PyDLL(path, handle=_cdll._handle)


def _is_subinterpreter() -> bool:
    names = ("PyInterpreterState_Get", "_PyInterpreterState_Get")
    current = next(ctypes.pythonapi[name] for name in names if hasattr(ctypes.pythonapi, name))
    main = ctypes.pythonapi["PyInterpreterState_Main"]
    # Functions of our own, which nobody else's types are set on.
    current.restype = main.restype = ctypes.c_void_p
    return bool(current() != main())


def python_functions() -> dict[str, Callable[..., Any]]:
    """The builtin functions that the library makes for this interpreter, by their names.

    :raises ImportError: it makes none for a subinterpreter or a free-threaded build
    """
    if _is_subinterpreter():
        raise _error("it runs in the main interpreter only, not in a subinterpreter", path)
    function = pydll.gh_python_functions
    # Not py_object, for which ctypes does not look whether there is one.
    function.restype = ctypes.c_void_p
    try:
        place = function()
    except RuntimeError as error:
        raise _error(str(error), path) from None
    if not place:
        raise _error("the library makes no functions for this interpreter", path)
    functions: dict[str, Callable[..., Any]] = ctypes.cast(place, ctypes.py_object).value
    return functions
