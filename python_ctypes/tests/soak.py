#!/usr/bin/env python3
"""Thousands of green threads that do at random what programs do, beside OS threads that compute.

Usage: soak.py [--seconds N] [--threads N] [--busy N] [--seed TEXT] [--break]

At the end every thread has ended, every exception that was sent has arrived, nothing was reported,
and memory has not grown. The last line sums up; a failure names the seed, with which the same
threads make the same choices. `soak_operations` has what they do.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import os
import random
import resource
import sys
import threading
import time
import traceback

import greenhub
from greenhub._threads import start_os_thread

#: How long the last operations may take after the time is over, on a busy machine.
PATIENCE = 60

#: What memory may grow by between a third of the time and its end, in MiB.
GROWTH = 64


class Soak:
    def __init__(self, seed, seconds):
        self.seed = seed
        self.seconds = seconds
        self.over = False
        self.errors = []
        self.counts = collections.Counter()
        #: What each worker is at, for those that do not end.
        self.doing = {}

    def fail(self, where, error):
        if len(self.errors) < 10:
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            self.errors.append("%s: %s" % (where, text))
        self.over = True

    def work(self, number, operations):
        choice = random.Random("%s/%s" % (self.seed, number))
        while not self.over:
            operation = choice.choice(operations)
            self.doing[number] = operation.__name__
            try:
                operation(self, choice)
            except BaseException as error:
                self.fail("%s in worker %s" % (operation.__name__, number), error)
            self.counts[operation.__name__] += 1
        del self.doing[number]

    def compute(self):
        """What a busy OS thread does."""
        while not self.over:
            sum(number * number for number in range(1000))
        self.counts["busy threads"] += 1

    def run(self, threads, busy, operations):
        greenhub.set_excepthook(lambda name, error: self.fail("reported of " + name, error))
        sys.unraisablehook = lambda raised: self.fail("unraisable", raised.exc_value)
        threading.excepthook = lambda raised: self.fail("threading", raised.exc_value)
        for _ in range(busy):
            start_os_thread(self.compute, ())
        workers = [greenhub.spawn(self.work, number, operations) for number in range(threads)]
        end, first = time.monotonic() + self.seconds, None
        while time.monotonic() < end and not self.over:
            time.sleep(min(0.5, self.seconds / 10))
            if first is None and time.monotonic() > end - self.seconds * 2 / 3:
                first = resident()
        self.over = True
        with greenhub.Timeout(PATIENCE, False):
            greenhub.joinall(workers)
            while self.counts["busy threads"] < busy:
                greenhub.sleep(0.01)
        self.check(workers, busy, resident() - (first or resident()))

    def check(self, workers, busy, growth):
        def demand(holds, text):
            if not holds:
                self.errors.append(text)

        counts = self.counts
        stuck = collections.Counter(self.doing.values())
        demand(all(worker.dead for worker in workers), "these did not end: %s" % stuck)
        demand(counts["busy threads"] == busy, "busy threads did not end")
        for sent, arrived in [("kills sent", "kills arrived"), ("timeouts", "timeouts arrived")]:
            demand(counts[sent] == counts[arrived], "%s: %s" % (sent, counts))
        demand(counts["items put"] == counts["items got"], "items: %s" % counts)
        demand(growth < GROWTH * 2**20, "memory has grown by %d KiB" % (growth // 1024))


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def breaks(soak, choice):
    raise AssertionError("broken on purpose")


def main():
    parser = argparse.ArgumentParser()
    seconds = float(os.environ.get("GREENHUB_SOAK_SECONDS", "60"))
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--threads", type=int, default=2000)
    parser.add_argument("--busy", type=int, default=2)
    parser.add_argument(
        "--seed", default=os.environ.get("GREENHUB_SOAK_SEED") or os.urandom(4).hex()
    )
    parser.add_argument(
        "--break", dest="fails", action="store_true", help="fail, as a test of this"
    )
    given = parser.parse_args()
    faulthandler.enable()
    # Should it hang, with the interpreter's lock held perhaps.
    faulthandler.dump_traceback_later(given.seconds + 3 * PATIENCE, exit=True)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    greenhub.monkey_patch()
    import soak_operations

    soak = Soak(given.seed, given.seconds)
    try:
        operations = [breaks] if given.fails else soak_operations.ALL
        soak.run(given.threads, given.busy, operations)
    except BaseException as error:
        soak.fail("main", error)
    counts = ", ".join("%d %s" % (count, name) for name, count in sorted(soak.counts.items()))
    print("soak: seed %s, %s" % (given.seed, counts), flush=True)
    for error in soak.errors:
        print(error, file=sys.stderr, flush=True)
    if soak.errors:
        print("soak: failed with --seed %s --threads %s" % (given.seed, given.threads), flush=True)
    # Who is stuck is not waited for.
    os._exit(1 if soak.errors else 0)


if __name__ == "__main__":
    main()
