#!/usr/bin/env python3
"""The benchmark of the Python package: prints a table and writes python.json. See README.md beside this file."""

import sys

from harness import command
from harness.interpreter import Interpreter
from suites import python_echo, python_kill, python_memory, python_threads

SUITES = (("threads", python_threads), ("echo", python_echo), ("memory", python_memory), ("kill", python_kill))

if __name__ == "__main__":
    sys.exit(command.main(__doc__.splitlines()[0], SUITES, "python.json", Interpreter))
