"""The soak, for seconds; `make soak` runs it for minutes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

SOAK = Path(__file__).with_name("soak.py")


def run_soak(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", str(SOAK), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )


class Soak(unittest.TestCase):
    def test_many_threads_do_what_programs_do(self) -> None:
        done = run_soak("--seconds", "1", "--threads", "200", "--busy", "1")
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)
        counts = {name: int(count) for count, name in re.findall(r"(\d+) ([a-z_ ]+)", done.stdout)}
        # Seventeen operations; kills, times and items, sent and arrived; and the busy thread.
        self.assertEqual(len(counts), 17 + 6 + 1, counts)
        self.assertGreater(counts["kills arrived"], 0)
        self.assertEqual(counts["kills arrived"], counts["kills sent"])

    def test_it_runs_under_tracemalloc(self) -> None:
        # It takes the lock for what is allocated without it: a new thread state, say.
        options = ("--seconds", "0.2", "--threads", "20", "--busy", "0")
        done = run_soak(*options, PYTHONTRACEMALLOC="1")
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)

    def test_a_failure_names_the_seed_and_what_went_wrong(self) -> None:
        done = run_soak(
            "--seconds", "1", "--threads", "5", "--busy", "0", "--seed", "abc", "--break"
        )
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("soak: failed with --seed abc", done.stdout)
        self.assertIn("broken on purpose", done.stderr)


if __name__ == "__main__":
    unittest.main()
