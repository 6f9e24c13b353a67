"""Whole programs, each in a process of its own, several at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Sequence

#: How many run at a time. Most of them wait.
AT_A_TIME = 4

#: Longer than any takes on a busy machine, unless it hangs.
LIMIT = 60.0


class Program(NamedTuple):
    """A program, and how it is to be run."""

    name: str
    code: str
    #: In front of the script's path: ``("-m", "greenhub")``.
    options: Sequence[str] = ()


class Outcome(NamedTuple):
    """What became of a program."""

    name: str
    #: The number of a signal is negative; None if the program had to be killed.
    status: int | None
    out: str
    err: str


def run(program: Program) -> Outcome:
    """Runs a program as a script, which multiprocessing can import. Never takes longer than LIMIT.

    Its output goes to files: what it may leave behind would keep a pipe open.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / (program.name + ".py")
        script.write_text(textwrap.dedent(program.code))
        out, err = Path(folder) / "out", Path(folder) / "err"
        with out.open("w") as to_out, err.open("w") as to_err:
            process = subprocess.Popen(
                [sys.executable, *program.options, str(script)],
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                start_new_session=True,
                env=_environment(),
            )
        status: int | None
        try:
            status = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        return Outcome(program.name, status, out.read_text(), err.read_text())


def run_all(programs: Sequence[Program]) -> list[Outcome]:
    """Runs programs beside each other, and gives their outcomes in the order of the programs."""
    with ThreadPoolExecutor(AT_A_TIME) as executor:
        return list(executor.map(run, programs))


def _environment() -> dict[str, str]:
    # Signals that the interpreter itself says something of would be in the way.
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
