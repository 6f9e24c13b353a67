"""Requests that an echo server in Python answers in a second, a green thread for each connection."""

from contextlib import ExitStack

from harness.figures import RATIO_AT_LEAST
from harness.programs import Server, run as run_program

CONNECTIONS = 100
WARM_MS = 200
GREENHUB, OWN = "greenhub, patched", "greenhub's own sockets"
GEVENT, EVENTLET = "gevent, patched", "eventlet, patched"
UVLOOP = "asyncio's streams on uvloop"
PEERS = (GEVENT, EVENTLET, UVLOOP)


def run(session):
    script = session.builder.script
    servers = {
        GREENHUB: script("echo_patched", "greenhub"),
        OWN: script("echo_own"),
        GEVENT: script("echo_patched", "gevent"),
        EVENTLET: script("echo_patched", "eventlet"),
        UVLOOP: script("echo_uvloop"),
    }
    client = session.builder.program("echo_client", green=False)

    name = "echo, {:,} connections".format(CONNECTIONS)
    results = side_by_side(session, name, servers, client)
    requests(session, name, results, GREENHUB, {GEVENT: 2, EVENTLET: 4})
    requests(session, name, results, OWN, {GEVENT: 3})
    for ours in (GREENHUB, OWN):
        peers = [(peer, None, None) for peer in PEERS]
        session.compare("%s: %s: server CPU" % (name, ours), "ns/request", "cpu_per_request_ns", results, ours, *peers)

    name += ", beside a busy OS thread"
    results = one_by_one(session, name, servers, client)
    requests(session, name, results, GREENHUB, {})
    requests(session, name, results, OWN, {GEVENT: 20})


def requests(session, name, results, ours, bars):
    """How many one answers, beside each peer; some of these are to be beaten so many times."""
    peers = [(peer, bars.get(peer), RATIO_AT_LEAST if peer in bars else None) for peer in PEERS]
    session.compare("%s: %s" % (name, ours), "requests/s", "requests_per_s", results, ours, *peers)


def load(session, client, servers, window, windows):
    """The windows of each server, which take turns."""
    arguments = [CONNECTIONS, WARM_MS, window, windows]
    for server in servers:
        arguments += [server.port, server.pid]
    answer = run_program(session.cores.load, client, *arguments)["servers"]
    for each in (each for server in answer for each in server):
        each["requests_per_s"] = each["requests"] * 1e9 / each["window_ns"]
    return answer


def side_by_side(session, name, servers, client):
    """All servers are up at once, and idle while another one works."""
    results = {server: [] for server in servers}
    window, windows = session.scale(300, 50), session.scale(4, 1)

    for number in range(session.rounds):
        order = list(servers) if number % 2 == 0 else list(servers)[::-1]
        with ExitStack() as up:
            running = [up.enter_context(Server(session.cores.server, *servers[each])) for each in order]
            found = load(session, client, running, window, windows)
        for server, those in zip(order, found):
            results[server] += those
        session.progress(name, number + 1, session.rounds)
    session.samples[name] = results
    return results


def one_by_one(session, name, servers, client):
    """One server at a time, as the busy thread of another would be busy as well. It may use both cores: on one, a
    busy thread does not get the interpreter's lock when somebody lets go of it for a moment."""

    def once(command):
        def run_once():
            with Server(session.cores.both, *command + ["--busy"]) as server:
                return load(session, client, [server], session.scale(1500, 200), 1)[0][0]

        return run_once

    return session.measure_each(name, {server: once(command) for server, command in servers.items()})
