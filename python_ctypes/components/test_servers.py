"""The servers of the tests end with them, however those end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from servers import is_listening

_STARTS = """
import sys, time
sys.path.insert(0, {folder!r})
import {modules}
print(*(server.shared().port for server in ({modules},)), flush=True)
{end}
"""


class Servers(unittest.TestCase):
    def starts(self, modules: str, end: str) -> tuple[subprocess.Popen[str], list[int]]:
        """A program with servers, and their ports."""
        # What is left of one that is killed goes with this folder.
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        here = os.path.dirname(os.path.abspath(__file__))
        process = subprocess.Popen(
            [sys.executable, "-c", _STARTS.format(folder=here, modules=modules, end=end)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": folder},
        )
        assert process.stdout is not None
        with process.stdout:
            ports = [int(word) for word in process.stdout.readline().split()]
        return process, ports

    def end(self, ports: list[int]) -> None:
        deadline = time.monotonic() + 30
        while any(map(is_listening, ports)):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_where_the_tests_are_killed(self) -> None:
        process, ports = self.starts("postgres, redis_server", "time.sleep(60)")
        self.assertEqual(list(map(is_listening, ports)), [True, True])
        process.kill()
        process.wait()
        self.end(ports)

    def test_where_they_fail(self) -> None:
        process, ports = self.starts("redis_server", "sys.exit(1)")
        self.assertEqual((process.wait(30), len(ports)), (1, 1))
        self.assertFalse(any(map(is_listening, ports)))


if __name__ == "__main__":
    unittest.main()
