"""One run of a set of suites: the settings they share, their figures, what could not run."""

import sys

from . import BenchError, machine, report
from .figures import Figure
from .rounds import Samples, measure, measure_each


class Session:
    """What a suite gets: builder, cores and scale in, figures and notes out."""

    def __init__(self, builder, cores, quick, rounds):
        self.builder = builder
        self.cores = cores
        self.quick = quick
        self.rounds = rounds
        self.figures = []
        self.notes = []
        self.failed = []
        self.samples = {}

    def scale(self, full, quick):
        return quick if self.quick else full

    def progress(self, what, number, rounds):
        print("  %s: round %d of %d" % (what, number, rounds), file=sys.stderr, flush=True)

    def measure(self, what, ours, theirs=None):
        def progress(number, rounds):
            self.progress(what, number, rounds)

        samples = measure(self.rounds, ours, theirs, progress)
        self.keep(what, samples)
        return samples

    def measure_each(self, what, runs):
        """What each of several gave, by its name, in rounds of all."""
        results = measure_each(self.rounds, runs, lambda *round: self.progress(what, *round))
        self.samples[what] = results
        return results

    def compare(self, name, unit, key, results, ours, *peers):
        """A figure of one of several that were measured, beside each of its peers: `(peer, bar, rule)`."""
        for peer, bar, rule in peers:
            samples = Samples(results[ours], results[peer])
            self.figures.append(Figure.of(name, unit, key, samples, against=peer, bar=bar, rule=rule))

    def alone(self, name, unit, key, results, ours):
        """The same without a peer."""
        self.figures.append(Figure.of(name, unit, key, Samples(results[ours])))

    def keep(self, what, samples):
        """Every number of every round goes into the file."""
        self.samples[what] = {"ours": samples.ours, "theirs": samples.theirs}

    def run(self, name, suite):
        """A suite that cannot run costs its own figures, not those of the others."""
        try:
            suite(self)
        except BenchError as error:
            self.failed.append({"suite": name, "reason": str(error)})

    def as_json(self):
        return {
            "figures": [figure.as_json(self.quick) for figure in self.figures],
            "machine": machine.describe(self.cores),
            "quick": self.quick,
            "notes": self.notes,
            "failed": self.failed,
            "samples": self.samples,
        }

    def print(self):
        print(report.table(self.figures, self.quick))
        for note in self.notes:
            print("note: " + note)
        for failure in self.failed:
            print("COULD NOT RUN: %(suite)s: %(reason)s" % failure)
