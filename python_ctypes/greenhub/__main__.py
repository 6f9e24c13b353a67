"""``python -m greenhub script.py ...`` and ``python -m greenhub -m module ...``.

Runs a program with everything patched, and its main code as a green thread.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import Any

from . import _core
from .greenthread import GreenThread, spawn
from .patcher import monkey_patch

USAGE = "usage: python -m greenhub [-m] script.py|module [argument ...]"


def _script(path: str) -> None:
    # As the interpreter does for a script: its folder is where it imports from first.
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        sys.path[0] = path
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(path))
    runpy.run_path(path, run_name="__main__")


def _module(name: str) -> None:
    sys.path[0] = os.getcwd()
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _wait(thread: GreenThread[Any]) -> None:
    """Waits for the program. What a signal's handler raises here was meant for its main code."""
    while True:
        try:
            thread.wait()
            return
        except BaseException as error:
            if thread.dead:
                raise
            _core.throw(thread._ident, error)


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(USAGE + "\n")
        sys.exit(0 if arguments else 2)
    is_module = arguments[0] == "-m"
    if is_module:
        arguments = arguments[1:]
    if not arguments or arguments[0].startswith("-"):
        sys.stderr.write(USAGE + "\n")
        sys.exit(2)
    monkey_patch()
    sys.argv = arguments
    thread = spawn(_module if is_module else _script, arguments[0])
    thread.name = "main"
    _core.stand_in(thread._ident)
    _wait(thread)


if __name__ == "__main__":
    main()
