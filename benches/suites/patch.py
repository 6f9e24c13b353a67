"""What gh_patch costs: a hooked call off the hub, an echo through hooked calls, the patching itself."""

from statistics import median

from harness.figures import OURS_AT_MOST, Figure
from harness.programs import run as run_program

from . import echo

CALL_BAR_NS = 10
ECHO_BARS = ((50, 1.1), (500, 1.1))
MODULES = 100
PATCH_BAR_MS = 50


def run(session):
    calls(session)
    modules(session)
    echoes(session)


def calls(session):
    program = session.builder.program("patch_calls", green=True)
    # Batches of some tens of microseconds: a disturbance spoils a pair, and the median forgets it.
    size, batches = session.scale(200, 50), session.scale(1501, 51)
    samples = session.measure(
        "hooked calls on a plain thread",
        lambda: run_program(session.cores.server, program, size, batches),
    )
    for name in samples.ours[0]:
        session.figures.append(
            Figure.of(
                "hooked %s on a plain thread, over libc's" % name,
                "ns",
                name,
                samples,
                bar=CALL_BAR_NS,
                rule=OURS_AT_MOST,
            )
        )


def modules(session):
    program = session.builder.program("patch_modules", green=True)
    paths = session.builder.modules("patch_module", session.scale(MODULES, 10))
    samples = session.measure(
        "patching", lambda: run_program(session.cores.server, program, *paths)
    )
    for what, key in (
        ("gh_patch", "first_ms"),
        ("gh_patch once more", "again_ms"),
        ("gh_unpatch", "undone_ms"),
    ):
        session.figures.append(
            Figure.of(
                "%s, %d modules" % (what, len(paths)),
                "ms",
                key,
                samples,
                bar=PATCH_BAR_MS,
                rule=OURS_AT_MOST,
            )
        )
    session.notes.append(
        "patching: %d modules with %d slots of hooked functions"
        % (len(paths), median(result["slots"] for result in samples.ours))
    )


def echoes(session):
    programs = [
        session.builder.program("patched_echo", green=True),
        session.builder.program("green_echo", green=True),
    ]
    client = session.builder.program("echo_client", green=False)
    for connections, bar in ECHO_BARS:
        echo.compare(
            session, "patched echo", "gh_recv and gh_send", programs, client, connections, bar
        )
