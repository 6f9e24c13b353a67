"""numpy in the process of a hub."""

from __future__ import annotations

import subprocess
import sys
import time
import unittest
from typing import Any

import greenhub
from greenhub import tpool
from slow_calls import Ticker, driver, together

numpy = driver("numpy")

_TRIES = 3
#: A product that takes so long is large.
_LONG = 0.3


def product(matrix: Any) -> tuple[Any, float]:
    """Its product with itself, and how long that took."""
    begin = time.monotonic()
    made = numpy.dot(matrix, matrix)
    return made, time.monotonic() - begin


def large() -> Any:
    """A matrix whose product with itself takes long."""
    size = 1000
    while True:
        matrix = numpy.random.default_rng(1).random((size, size))
        # The second time its threads are there.
        took = min(product(matrix)[1] for _ in range(2))
        if took >= _LONG or size > 8000:
            return matrix
        size = int(size * 1.5)


class Numpy(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        greenhub.monkey_patch()

    def test_a_matrix_product_in_tpool_does_not_stop_the_hub(self) -> None:
        matrix = large()
        gaps = []
        for _ in range(_TRIES):
            # The same product stops it while it is made on the spot.
            with Ticker() as stopped:
                here, _ = product(matrix)
            with Ticker() as ticker:
                there, took = tpool.execute(product, matrix)
            self.assertTrue(numpy.allclose(here, there))
            gaps.append((ticker.gap, took, ticker.ticks, stopped.gap))
            self.assertLess(stopped.ticks, 3)
            if ticker.gap < took / 4 and ticker.ticks >= 20:
                return
        self.fail("longest gap, product, ticks, gap on the spot: %s" % gaps)

    def test_solvers_run_on_the_stacks_of_green_threads(self) -> None:
        def solves() -> bool:
            # From this size on OpenBLAS spreads its work, with what it needs for that on the stack.
            matrix = numpy.random.default_rng(2).random((200, 200))
            left, values, right = numpy.linalg.svd(matrix)
            greenhub.sleep(0)
            solved = numpy.linalg.solve(matrix, matrix @ numpy.ones(200))
            greenhub.sleep(0)
            inverse = numpy.linalg.inv(matrix)
            return bool(
                numpy.allclose((left * values) @ right, matrix)
                and numpy.allclose(solved, 1)
                and numpy.allclose(inverse @ matrix, numpy.eye(200))
            )

        self.assertEqual(together(2, solves), [True] * 2)

    def test_it_may_be_imported_where_everything_is_patched(self) -> None:
        code = (
            "import greenhub; greenhub.monkey_patch()\n"
            "def imports():\n"
            "    import numpy\n"
            "    return int(numpy.arange(1000).reshape(10, 100).sum())\n"
            "print([thread.wait() for thread in [greenhub.spawn(imports) for _ in range(5)]])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
        )
        self.assertEqual(
            (done.stdout, done.stderr, done.returncode), ("%s\n" % ([499500] * 5), "", 0)
        )


if __name__ == "__main__":
    unittest.main()
