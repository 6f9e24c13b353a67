"""What a sleeping green thread costs, resident plus page tables, and a million of them."""

from harness import BenchError, machine
from harness.figures import OURS_AT_LEAST, OURS_AT_MOST, Figure
from harness.programs import run as run_program

SMALL_STACK = 65536
DEFAULT_STACK = 0
GUARDS = {1: "MADV_GUARD_INSTALL", 2: "mprotect"}
# A page each for the stack and an eighth of one for page tables, with room to spare.
KIB_NEEDED_EACH = 6


def run(session):
    memory = session.builder.program("memory", green=True)

    def sleepers(count, stack):
        if machine.available_kib() < count * KIB_NEEDED_EACH:
            raise BenchError(
                "{:,} sleepers need {:.1f} GiB of free memory".format(
                    count, count * KIB_NEEDED_EACH / 1048576.0
                )
            )
        subject = "{:,} sleepers, {}".format(
            count, "%d KiB stacks" % (stack // 1024) if stack else "default stacks"
        )
        samples = session.measure(
            subject, lambda: run_program(session.cores.server, memory, count, stack)
        )
        return subject, samples

    def note(subject, result):
        session.notes.append(
            "%s: guard method %s, stacks of %d KiB, %d mappings under vm.max_map_count %d, "
            "%.0f ns to spawn each, %.0f ns to cancel and join each"
            % (
                subject,
                GUARDS.get(result["guard"], "unknown"),
                result["stack_size"] // 1024,
                result["mappings"],
                machine.max_map_count(),
                result["spawn_ns"],
                result["cancel_ns"],
            )
        )

    count = session.scale(100000, 10000)
    for stack, bar in ((SMALL_STACK, 4.6), (DEFAULT_STACK, None)):
        subject, samples = sleepers(count, stack)
        session.figures.append(
            Figure.of(
                subject + ": each",
                "KiB",
                "kib_each",
                samples,
                bar=bar,
                rule=OURS_AT_MOST if bar else None,
            )
        )
        note(subject, samples.ours[-1])

    million = session.scale(1000000, 100000)
    subject, samples = sleepers(million, DEFAULT_STACK)
    session.figures.append(
        Figure.of(
            subject + ": slept and ended",
            "threads",
            "completed",
            samples,
            bar=million,
            rule=OURS_AT_LEAST,
        )
    )
    session.figures.append(Figure.of(subject + ": each", "KiB", "kib_each", samples))
    note(subject, samples.ours[-1])
