"""What every benchmark of this project shares: machine, build, programs, rounds, figures, report."""


class BenchError(Exception):
    """A benchmark could not run here; the text says why. No figure is made up for it."""
