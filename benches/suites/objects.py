"""Channels and locks: a message, a hand-over, a select, a message between hubs."""

from harness.figures import RATIO_AT_MOST, Figure
from harness.programs import run as run_program

PEER = "mutex and condition, pthreads on one core"


def run(session):
    green = session.builder.program("objects_green", green=True)
    pthread = session.builder.program("objects_pthread", green=False)

    def once(program, *arguments):
        return lambda: run_program(session.cores.server, program, *arguments)

    def compare(name, peer, ours, theirs, **rest):
        samples = session.measure(name, once(*ours), once(*theirs))
        session.figures.append(Figure.of(name, "ns", "ns", samples, against=peer, **rest))

    many, few = session.scale(3000000, 300000), session.scale(100000, 20000)
    name = "unbuffered channel message"
    compare(
        name + ", within a hub",
        "two switches of ours",
        (green, "channel", many),
        (green, "two_switches", many),
        bar=1.5,
        rule=RATIO_AT_MOST,
    )
    compare(name, PEER, (green, "channel", many), (pthread, "channel", few))
    compare("mutex hand-over", PEER, (green, "mutex", many), (pthread, "mutex", few))
    compare(
        "select over 8 channels",
        "poll over 8 pipes, pthreads on one core",
        (green, "select", many // 3),
        (pthread, "select", few),
    )
    compare(
        "offload, there and back",
        PEER,
        (green, "offload", few // 4),
        (pthread, "channel", few),
    )
    if session.cores.load == session.cores.server:
        session.notes.append("message between hubs: wants two cores")
        return
    compare(
        "message to another core's hub and back",
        "a pipe each way, pthreads on two cores",
        (green, "across", few // 20, session.cores.load),
        (pthread, "across", few // 20, session.cores.load),
    )
