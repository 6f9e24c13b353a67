#!/usr/bin/env python3
"""Holds libgreenhub against include/greenhub.h, and calls it as plain code would.

Standard library only. The library is $GREENHUB_LIBRARY, or the release build
of this tree. Exit status 0 when every check passed.
"""

import ctypes
import errno
import os
import re
import socket
import sys
import time
import traceback
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
HEADER = TOP / "include" / "greenhub.h"
MILLISECOND = 1_000_000

# The functions that are called here. Restype first: the default would be int.
PROTOTYPES = {
    "gh_version": (ctypes.c_uint32, []),
    "gh_version_string": (ctypes.c_char_p, []),
    "gh_abi_version": (ctypes.c_uint32, []),
    "gh_strerror": (ctypes.c_char_p, [ctypes.c_int]),
    "gh_err_name": (ctypes.c_char_p, [ctypes.c_int]),
    "gh_now": (ctypes.c_int64, []),
    "gh_after_ms": (ctypes.c_int64, [ctypes.c_int64]),
    "gh_sleep_ms": (ctypes.c_int, [ctypes.c_int64]),
    "gh_recv": (
        ctypes.c_ssize_t,
        [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int64],
    ),
    "gh_send_all": (
        ctypes.c_ssize_t,
        [
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_size_t),
            ctypes.c_int64,
        ],
    ),
}


def load():
    path = os.environ.get("GREENHUB_LIBRARY") or TOP / "target" / "release" / "libgreenhub.so"
    library = ctypes.CDLL(str(path))
    for name, (restype, argtypes) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = restype
        function.argtypes = argtypes
    return library


def header_text():
    """The header without comments, which mention functions too."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", HEADER.read_text(), flags=re.DOTALL)


def macro(text, name):
    found = re.search(r"^#define %s (.+)$" % name, text, flags=re.MULTILINE)
    assert found, "the header has no %s" % name
    return found.group(1).strip().strip('"')


def check_functions_resolve(library):
    names = sorted(set(re.findall(r"\b(gh_[a-z0-9_]+)\(", header_text())))
    assert len(names) > 50, "only %d functions were found in the header" % len(names)
    missing = [name for name in names if not hasattr(library, name)]
    assert not missing, "declared, not exported: %s" % ", ".join(missing)
    assert not hasattr(library, "gh_no_such_function")


def check_versions(library):
    text = header_text()
    parts = [int(macro(text, "GH_VERSION_" + part)) for part in ("MAJOR", "MINOR", "PATCH")]
    assert library.gh_version() == parts[0] << 16 | parts[1] << 8 | parts[2]
    assert library.gh_version_string().decode() == macro(text, "GH_VERSION_STRING")
    assert library.gh_version_string().decode() == ".".join(map(str, parts))
    assert library.gh_abi_version() == int(macro(text, "GH_ABI_VERSION"))


def check_clock(library):
    before = time.monotonic_ns()
    now = library.gh_now()
    assert before <= now <= time.monotonic_ns(), "gh_now is not CLOCK_MONOTONIC"
    assert library.gh_after_ms(5) >= now + 5 * MILLISECOND


def check_sleep(library):
    start = time.monotonic_ns()
    assert library.gh_sleep_ms(20) == 0
    assert time.monotonic_ns() - start >= 20 * MILLISECOND, "gh_sleep_ms woke early"


def check_socket(library):
    """Data, a deadline and the end of file, on descriptors that Python made."""
    near, far = socket.socketpair()
    buffer = ctypes.create_string_buffer(64)
    with near, far:
        start = time.monotonic_ns()
        deadline = library.gh_after_ms(30)
        result = library.gh_recv(near.fileno(), buffer, len(buffer), 0, deadline)
        assert result == -errno.ETIMEDOUT, result
        assert time.monotonic_ns() - start >= 30 * MILLISECOND, "gave up before the deadline"

        far.sendall(b"hello")
        deadline = library.gh_after_ms(10_000)
        assert library.gh_recv(near.fileno(), buffer, len(buffer), 0, deadline) == 5
        assert buffer.raw[:5] == b"hello"

        sent = ctypes.c_size_t()
        text = b"back again"
        result = library.gh_send_all(
            near.fileno(), text, len(text), 0, ctypes.byref(sent), deadline
        )
        assert result == len(text) == sent.value, (result, sent.value)
        assert far.recv(64) == text

        far.close()
        assert library.gh_recv(near.fileno(), buffer, len(buffer), 0, deadline) == 0
        number = near.fileno()
    result = library.gh_recv(number, buffer, len(buffer), 0, 0)
    assert result == -errno.EBADF, result


def check_errors(library):
    assert library.gh_err_name(-errno.ETIMEDOUT) == b"ETIMEDOUT"
    own = re.findall(r"\b(GH_E[A-Z]+) = (-\d+)", header_text())
    assert len(own) >= 6, own
    for name, number in own:
        assert library.gh_err_name(int(number)) == name.encode(), name
        assert library.gh_strerror(int(number)), name
    for number in (errno.ETIMEDOUT, errno.ECANCELED, errno.EBADF):
        assert library.gh_strerror(-number), number
    texts = {library.gh_strerror(int(number)) for _, number in own}
    assert len(texts) == len(own), "two codes share a text"
    assert library.gh_strerror(-123456789), "an unknown code has a text too"
    assert isinstance(OSError(errno.ETIMEDOUT, ""), TimeoutError)


CHECKS = (
    check_functions_resolve,
    check_versions,
    check_clock,
    check_sleep,
    check_socket,
    check_errors,
)


def main():
    library = load()
    failed = 0
    for check in CHECKS:
        name = check.__name__
        try:
            check(library)
            print("ok %s" % name)
        except AssertionError as error:
            failed += 1
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            print("FAILED %s: line %d: %s" % (name, line, error))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
