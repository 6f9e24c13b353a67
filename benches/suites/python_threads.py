"""Green threads of Python's: a switch, the same beside busy OS threads, spawn and join."""

from harness.figures import RATIO_AT_MOST
from harness.programs import run as run_program

LIBRARIES = ("greenhub", "gevent", "eventlet")
BUSY = 2


def run(session):
    def compare(name, script, arguments, bar, cores=session.cores.server):
        def once(library):
            command = session.builder.script(script, library, *arguments)
            return lambda: run_program(cores, *command)

        results = session.measure_each(name, {library: once(library) for library in LIBRARIES})
        peers = (("gevent", bar, RATIO_AT_MOST), ("eventlet", None, None))
        session.compare(name, "ns", "ns", results, "greenhub", *peers)

    compare("switch", "switch", (session.scale(1.0, 0.1), 0), 0.12)
    # Long against the slices in which the interpreter's lock goes round.
    busy = "switch beside %d busy OS threads" % BUSY
    compare(busy, "switch", (session.scale(3.0, 0.3), BUSY), 0.12, session.cores.both)
    compare("spawn and join", "spawn", (session.scale(1.0, 0.1),), 0.08)
