#!/usr/bin/env python3
"""Runs all tests of a folder; the last line is in the form that scripts/test.sh counts.

Usage: run.py [--installed] [FOLDER]. Without one it is the folder of this file. With --installed it
is an error if the package under test is not one that was installed for this interpreter.
"""

from __future__ import annotations

import faulthandler
import sys
import unittest
from pathlib import Path
from typing import Any


class Result(unittest.TextTestResult):
    """Counts what passed: a class or a module that is skipped, or fails, is no test."""

    passed = 0

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed += 1


def main(arguments: list[str]) -> int:
    is_installed = arguments[:1] == ["--installed"]
    folders = arguments[is_installed:]
    if len(folders) > 1 or any(folder.startswith("-") for folder in folders):
        sys.stderr.write(__doc__ or "")
        return 2
    faulthandler.enable()
    import greenhub

    place = Path(greenhub.__file__).resolve()
    if is_installed and Path(sys.prefix).resolve() not in place.parents:
        sys.stderr.write("%s is not installed in %s\n" % (place, sys.prefix))
        return 1
    folder = folders[0] if folders else str(Path(__file__).parent)
    suite = unittest.defaultTestLoader.discover(folder)
    kind: Any = Result
    result: Any = unittest.TextTestRunner(sys.stdout, verbosity=1, resultclass=kind).run(suite)
    for test, reason in result.skipped:
        print("ignored: %s: %s" % (test, reason))
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    ignored = len(result.skipped)
    verdict = "ok" if result.wasSuccessful() and result.passed else "FAILED"
    counts = (result.passed, failed, ignored)
    print("test result: %s. %d passed; %d failed; %d ignored" % (verdict, *counts))
    return 0 if verdict == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
