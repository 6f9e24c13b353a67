"""What a green thread of Python's costs that waits: resident memory, and page tables beside it."""

from harness.figures import RATIO_AT_MOST
from harness.programs import run as run_program

# How a thread waits, who else does it in the same words, and the bar for resident memory.
SUBJECTS = (
    ("asleep", "sleep", "sleep", 0.65),
    ("asleep after json and regular expressions", "used", "used", 0.7),
    ("in recv of greenhub's own sockets", "own", "recv", 0.7),
    # CPython holds the buffer of 4 KiB while it waits, which nothing beneath it can change: no bar.
    ("in recv, patched", "recv", "recv", None),
)


def run(session):
    for how, ours, theirs, bar in SUBJECTS:
        # A pair of descriptors each, of which a process has 20,000 and no more on some machines.
        receives = theirs == "recv"
        count = session.scale(4000 if receives else 10000, 500)

        def once(library, what):
            command = session.builder.script("memory", library, what, count)
            return lambda: run_program(session.cores.server, *command)

        name = "{:,} green threads {}".format(count, how)
        runs = {"greenhub": once("greenhub", ours), "gevent": once("gevent", theirs)}
        results = session.measure_each(name, runs)
        each = (name + ": each, resident", "KiB", "kib", results, "greenhub")
        session.compare(*each, ("gevent", bar, RATIO_AT_MOST if bar else None))
        for library in runs:
            title = "%s: each, page tables of %s's" % (name, library)
            session.alone(title, "KiB", "tables_kib", results, library)
