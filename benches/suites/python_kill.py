"""A kill that arrives beneath Python, in a hooked call of libc's, against one in a wait of ours."""

from harness.figures import RATIO_AT_MOST
from harness.programs import run as run_program


def run(session):
    name = "kill in a hooked recv"
    runs = {}
    for where in ("beneath", "ours"):
        command = session.builder.script("kill", where, session.scale(1.0, 0.1))
        runs[where] = lambda command=command: run_program(session.cores.server, *command)
    results = session.measure_each(name, runs)
    results["kill in a sleep of ours"] = results.pop("ours")
    session.compare(name, "ns", "ns", results, "beneath", ("kill in a sleep of ours", 2, RATIO_AT_MOST))
