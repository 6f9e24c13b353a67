#!/usr/bin/env python3
"""Runs all tests of this folder; the last line is in the form that scripts/test.sh counts.

Usage: run.py [--installed]. With --installed it is an error if the package under test is not one
that was installed for this interpreter.
"""

from __future__ import annotations

import faulthandler
import sys
import unittest
from pathlib import Path


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--installed"]):
        sys.stderr.write(__doc__ or "")
        return 2
    faulthandler.enable()
    import greenhub

    place = Path(greenhub.__file__).resolve()
    if arguments and Path(sys.prefix).resolve() not in place.parents:
        sys.stderr.write("%s is not installed in %s\n" % (place, sys.prefix))
        return 1
    suite = unittest.defaultTestLoader.discover(str(Path(__file__).parent))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    for test, reason in result.skipped:
        print("ignored: %s: %s" % (test, reason))
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    ignored = len(result.skipped)
    passed = max(0, result.testsRun - failed - ignored)
    verdict = "ok" if result.wasSuccessful() and passed else "FAILED"
    print("test result: %s. %d passed; %d failed; %d ignored" % (verdict, passed, failed, ignored))
    return 0 if verdict == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
