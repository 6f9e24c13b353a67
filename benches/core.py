#!/usr/bin/env python3
"""The core benchmark: prints a table and writes core.json. See README.md beside this file."""

import sys

from harness import command
from harness.build import Builder
from suites import echo, group, memory, objects, patch, scheduler, timers

SUITES = (("echo", echo), ("memory", memory), ("scheduler", scheduler), ("objects", objects), ("group", group),
          ("timers", timers), ("patch", patch))

if __name__ == "__main__":
    sys.exit(command.main(__doc__.splitlines()[0], SUITES, "core.json", Builder))
