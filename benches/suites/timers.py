"""Timers: every thread asleep for 1 to 1000 ms, again and again, on one core."""

from harness.figures import Figure
from harness.programs import run as run_program

PEER = "clock_nanosleep, pthreads on one core"
PARTS = (
    ("CPU per wake-up", "ns", "cpu_per_wake_ns"),
    ("lateness p50", "us", "late_p50_us"),
    ("lateness p99", "us", "late_p99_us"),
)


def run(session):
    green = session.builder.program("timers_green", green=True)
    pthread = session.builder.program("timers_pthread", green=False)
    window = session.scale(3000, 500)

    def once(program, threads):
        return lambda: run_program(session.cores.server, program, threads, window)

    # A machine gives out some 30,000 pthreads: at 100,000 there is no peer.
    for threads, peer in ((10000, PEER), (100000, None)):
        subject = "timers, {:,} threads".format(threads)
        theirs = once(pthread, threads) if peer else None
        samples = session.measure(subject, once(green, threads), theirs)
        for part, unit, key in PARTS:
            name = "%s: %s" % (subject, part)
            session.figures.append(Figure.of(name, unit, key, samples, against=peer))
