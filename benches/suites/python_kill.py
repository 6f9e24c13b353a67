"""A kill that arrives beneath Python, in a hooked call of libc's, against what it costs to wake a thread there that
then raises the same exception, and against a kill in a wait of ours."""

from harness.figures import RATIO_AT_MOST
from harness.programs import run as run_program


def run(session):
    name = "kill in a hooked recv"
    runs = {}
    for where in ("beneath", "there", "ours"):
        command = session.builder.script("kill", where, session.scale(1.0, 0.1))
        runs[where] = lambda command=command: run_program(session.cores.server, *command)
    results = session.measure_each(name, runs)
    results["woken there, then raised"] = results.pop("there")
    results["kill in a sleep of ours"] = results.pop("ours")
    peers = [("woken there, then raised", 2, RATIO_AT_MOST), ("kill in a sleep of ours", None, None)]
    session.compare(name, "ns", "ns", results, "beneath", *peers)
