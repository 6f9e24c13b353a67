"""Many cores: what a group of two hubs serves, against a group of one."""

from harness.figures import RATIO_AT_LEAST, Figure
from harness.programs import run as run_program

CONNECTIONS = 200


def run(session):
    program = session.builder.program("group_green", green=True)
    cores = session.cores.both
    if len(cores) < 2:
        session.notes.append("a group of two hubs wants two cores")
        return
    window = session.scale(1500, 300)

    def once(hubs, own):
        return lambda: run_program(cores, program, hubs, CONNECTIONS, window, int(own))

    def compare(name, own, **bar):
        samples = session.measure(name, once(2, own), once(1, own))
        session.figures.append(
            Figure.of(name, "requests/s", "requests_per_s", samples, against="group of 1 hub", **bar)
        )

    # Half of the requests go from core to core, which is the kernel's work, and a load from outside would not be.
    compare("group of 2 hubs, clients anywhere among them", False)
    compare("group of 2 hubs, clients beside their server", True, bar=1.7, rule=RATIO_AT_LEAST)
    session.notes.append(
        "group of 2 hubs: servers and clients share the %d cores; a load of its own cores would need more of them"
        % len(cores)
    )
