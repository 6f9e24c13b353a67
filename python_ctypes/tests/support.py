"""What tests share: where things are, and Python programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import unittest
from pathlib import Path
from typing import NoReturn

PROJECT = Path(__file__).resolve().parent.parent
TOP = PROJECT.parent
HEADER = TOP / "include" / "greenhub.h"

# What makes the package is no part of it. The folder of its source is not added: where the package
# is installed, that one is to be tested.
sys.path.append(str(PROJECT / "tools"))

import build_wheel  # noqa: E402
import c_header  # noqa: E402
import elf  # noqa: E402
import generate_bindings  # noqa: E402
import wheel_metadata  # noqa: E402

__all__ = [
    "HEADER",
    "PROJECT",
    "TOP",
    "build_wheel",
    "c_header",
    "elf",
    "generate_bindings",
    "missing",
    "run_python",
    "wheel_metadata",
]


def missing(what: str) -> NoReturn:
    """Skips a test for want of a program. Where a change is judged, nothing may be wanting."""
    if os.environ.get("CI") == "true":
        raise AssertionError("no " + what)
    raise unittest.SkipTest("no " + what)


def run_python(
    code: str, *arguments: str, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Runs a program with this interpreter, and captures what it prints.

    :param environment: variables to set, or with None to take away
    """
    variables = dict(os.environ)
    for name, value in environment.items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = value
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
