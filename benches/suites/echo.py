"""Server CPU per 64-byte echo: one green thread per connection against a bare epoll loop."""

import resource

from harness import BenchError
from harness.figures import RATIO_AT_MOST, Figure
from harness.programs import Server, run as run_program
from harness.rounds import Samples

BARS = ((50, 1.05), (500, 1.05), (5000, 1.15))
# Seconds after which a server ends by itself.
LIFE = 120
PEER = "bare epoll loop in C"
# A server that had to wait for its core this much of the window shared it with something.
DISTURBED = 0.05


def run(session):
    programs = [
        session.builder.program("green_echo", green=True),
        session.builder.program("epoll_echo", green=False),
    ]
    client = session.builder.program("echo_client", green=False)
    for connections, bar in BARS:
        compare(session, "echo", PEER, programs, client, connections, bar)


def compare(session, what, peer, programs, client, connections, bar):
    """A bar of a few per cent wants many short rounds: a single one may be off by ten.

    So the two servers run side by side and take turns, window by window, one idle while the other
    works; and they are started anew some times, since where a process lies in memory is luck too.
    """
    # The load holds the connections to both servers.
    if 2 * connections + 64 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        raise BenchError("the descriptor limit is too low for 2 x %d connections" % connections)
    warm = 100
    # Each connection several times, and long against the start and the end of a window.
    window = session.scale(max(150, connections // 12), max(50, connections // 25))
    windows = session.scale(12, 2)
    subject = "{}, {:,} connections".format(what, connections)

    def start(number):
        """One run of both servers: their windows, ours and theirs paired."""
        order = programs if number % 2 == 0 else programs[::-1]
        with Server(session.cores.server, order[0], LIFE) as first:
            with Server(session.cores.server, order[1], LIFE) as second:
                arguments = [connections, warm, window, windows]
                for server in (first, second):
                    arguments += [server.port, server.pid]
                return run_program(session.cores.load, client, *arguments)["servers"]

    samples = Samples()
    for number in range(session.rounds):
        result = start(number)
        ours, theirs = result if number % 2 == 0 else reversed(result)
        samples.ours += ours
        samples.theirs += theirs
        session.progress(subject, number + 1, session.rounds)
    session.keep(subject, samples)
    session.figures.append(
        Figure.of(
            subject + ": server CPU",
            "ns/request",
            "cpu_per_request_ns",
            samples,
            against=peer,
            bar=bar,
            rule=RATIO_AT_MOST,
        )
    )
    session.figures.append(
        Figure.of(subject + ": latency p99", "us", "latency_p99_us", samples, against=peer)
    )
    note_disturbance(session, subject, samples)


def note_disturbance(session, subject, samples):
    disturbed = sum(
        result["server_waited_ns"] > DISTURBED * result["window_ns"]
        for result in samples.ours + samples.theirs
    )
    if disturbed and session.cores.server != session.cores.load:
        session.notes.append(
            "%s: in %d of %d windows something else wanted the server's core"
            % (subject, disturbed, len(samples.ours + samples.theirs))
        )
