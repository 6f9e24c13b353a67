"""The scheduler alone: yield, spawn and join, many outstanding; beside pthreads on one core."""

from harness.figures import Figure
from harness.programs import run as run_program


def run(session):
    green = session.builder.program("micro_green", green=True)
    pthread = session.builder.program("micro_pthread", green=False)

    def once(program, *arguments):
        return lambda: run_program(session.cores.server, program, *arguments)

    def compare(name, peer, ours, theirs):
        samples = session.measure(name, once(green, *ours), once(pthread, *theirs))
        session.figures.append(Figure.of(name, "ns", "ns", samples, against=peer))
        return samples

    # Pthreads get fewer turns: they need a hundred times as long for each.
    many, few = session.scale(10000000, 1000000), session.scale(200000, 50000)
    for threads in (2, 1000):
        samples = compare(
            "yield, {:,} threads".format(threads),
            "sched_yield, pthreads on one core",
            ("yield", threads, many),
            ("yield", threads, few),
        )
        switched = min(result["switches"] for result in samples.theirs)
        if switched < 0.9 * few:
            session.notes.append(
                "sched_yield among {:,} pthreads really switched {:,} times in {:,}".format(
                    threads, switched, few
                )
            )
    compare(
        "handing over, 2 threads",
        "semaphores, pthreads on one core",
        ("yield", 2, many),
        ("handoff", few),
    )
    compare(
        "spawn and join, one at a time",
        "pthread_create, pthread_join",
        ("spawn", session.scale(1000000, 100000)),
        ("spawn", session.scale(20000, 2000)),
    )
    compare(
        "spawn 10,000 outstanding, join all: each",
        "pthread_create, pthread_join",
        ("outstanding", 10000, session.scale(50, 5)),
        ("outstanding", 10000, 1),
    )
