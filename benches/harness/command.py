"""The command line of a benchmark: which suites, how often, where to; then the table and the file.

Exit status: 0 all figures measured (missed bars included), 1 a bar missed under --strict,
2 a suite could not run.
"""

import argparse
import os

from . import BenchError, machine, report
from .session import Session

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments(title, suites):
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--lib", default=os.path.join(TOP, "target", "release"))
    parser.add_argument("--include", default=os.path.join(TOP, "include"))
    parser.add_argument("--out", default=os.path.join(TOP, "target", "bench"))
    parser.add_argument("--rounds", type=int, default=7, help="at least 5 count as a result")
    parser.add_argument("--quick", action="store_true", help="a smoke test: judges no bar")
    parser.add_argument("--strict", action="store_true", help="a missed bar is a failure")
    parser.add_argument("--only", help="suites, comma-separated: " + ", ".join(dict(suites)))
    options = parser.parse_args()
    if options.only and not set(options.only.split(",")) <= set(dict(suites)):
        parser.error("--only knows " + ", ".join(dict(suites)))
    if not options.quick and options.rounds < 5:
        parser.error("fewer than 5 rounds are no result: use --quick")
    return options


def main(title, suites, file, make_builder):
    """Runs suites, pairs of a name and a module, and writes what they find to a file of the folder --out."""
    options = arguments(title, suites)
    cores = machine.Cores()
    machine.raise_descriptor_limit()
    try:
        builder = make_builder(options.lib, options.include, options.out)
    except BenchError as error:
        print("COULD NOT RUN: %s" % error)
        return 2
    session = Session(builder, cores, options.quick, 2 if options.quick else options.rounds)
    session.notes.extend(cores.warnings())
    session.notes.extend(builder.notes())
    busy = machine.busy_share()
    if busy > 0.05:
        session.notes.append(
            "this machine was %.0f%% busy before the start: figures are no result" % (busy * 100)
        )
    # The runner wakes between programs: not on the core that is measured.
    os.sched_setaffinity(0, {cores.load})
    chosen = options.only.split(",") if options.only else list(dict(suites))
    for name, suite in suites:
        if name in chosen:
            session.run(name, suite.run)
    session.print()
    path = os.path.join(options.out, file)
    report.write_json(path, dict(session.as_json(), suites=chosen))
    print("written: " + path)
    if session.failed:
        return 2
    missed = not options.quick and any(figure.met is False for figure in session.figures)
    return 1 if options.strict and missed else 0
