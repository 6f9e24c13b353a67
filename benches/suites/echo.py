"""Server CPU per 64-byte echo: one green thread per connection against a bare epoll loop."""

import resource

from harness import BenchError
from harness.figures import RATIO_AT_MOST, Figure
from harness.programs import Server, run as run_program

BARS = ((50, 1.05), (500, 1.05), (5000, 1.15))
PEER = "bare epoll loop in C"
# A server that had to wait for its core this much of the window shared it with something.
DISTURBED = 0.05


def run(session):
    ours = session.builder.program("green_echo", green=True)
    theirs = session.builder.program("epoll_echo", green=False)
    client = session.builder.program("echo_client", green=False)
    warm = session.scale(300, 100)
    window = session.scale(1500, 300)
    # A bar of a few per cent wants more, shorter rounds: a single one may be off by ten.
    rounds = session.scale(2 * session.rounds + 1, session.rounds)

    def drive(server_program, connections):
        def once():
            with Server(session.cores.server, server_program, life=90) as server:
                return run_program(
                    session.cores.load,
                    client,
                    server.port,
                    connections,
                    warm,
                    window,
                    server.pid,
                )

        return once

    for connections, bar in BARS:
        if connections + 64 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
            raise BenchError("the descriptor limit is too low for %d connections" % connections)
        subject = "echo, {:,} connections".format(connections)
        samples = session.measure(
            subject, drive(ours, connections), drive(theirs, connections), rounds
        )
        session.figures.append(
            Figure.of(
                subject + ": server CPU",
                "ns/request",
                "cpu_per_request_ns",
                samples,
                against=PEER,
                bar=bar,
                rule=RATIO_AT_MOST,
            )
        )
        session.figures.append(
            Figure.of(subject + ": latency p99", "us", "latency_p99_us", samples, against=PEER)
        )
        disturbed = sum(
            result["server_waited_ns"] > DISTURBED * result["window_ns"]
            for result in samples.ours + samples.theirs
        )
        if disturbed and session.cores.server != session.cores.load:
            session.notes.append(
                "%s: in %d of %d runs something else wanted the server's core"
                % (subject, disturbed, len(samples.ours + samples.theirs))
            )
