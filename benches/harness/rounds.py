"""Rounds: ours and theirs in turn, so that what drifts hits both alike."""

from statistics import median


class Samples:
    """What the rounds gave: one dictionary of numbers per run, ours and theirs paired by round."""

    def __init__(self, ours=(), theirs=()):
        self.ours = list(ours)
        self.theirs = list(theirs)


def measure(rounds, ours, theirs=None, progress=None):
    """Runs ours, theirs, theirs, ours, ...: neither always comes first."""
    runs = {"ours": ours} if theirs is None else {"ours": ours, "theirs": theirs}
    return Samples(**measure_each(rounds, runs, progress))


def measure_each(rounds, runs, progress=None):
    """The same for any number of runs: what each of them gave, by its name."""
    results = {name: [] for name in runs}
    for number in range(rounds):
        turns = list(runs.items())
        for name, run in turns if number % 2 == 0 else reversed(turns):
            results[name].append(run())
        if progress:
            progress(number + 1, rounds)
    return results


def _ratios(ours, theirs):
    return [mine / other for mine, other in zip(ours, theirs)]


def paired_ratio(ours, theirs):
    """The median of the ratios of the rounds, not the ratio of the medians.

    The two runs of a round are neighbours in time, so clock frequency, a noisy host and whatever
    else drifts over minutes cancels within each ratio.
    """
    return median(_ratios(ours, theirs))


def ratio_quartiles(ours, theirs):
    """Between these lies the middle half of the ratios of the rounds."""
    ratios = sorted(_ratios(ours, theirs))
    return ratios[len(ratios) // 4], ratios[(3 * len(ratios)) // 4]
