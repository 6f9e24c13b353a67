"""A library in C that takes no notice of waits that fail: it tries again."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import greenhub
from servers import missing

_SOURCE = r"""
#include <poll.h>
#include <unistd.h>

/* How often it has waited in vain, until there was something to read. */
int wait_for(int fd)
{
  struct pollfd wanted = {fd, POLLIN, 0};
  int failed = 0;
  while (poll(&wanted, 1, -1) < 1)
    failed++;
  return failed;
}
"""


class CLibrary(unittest.TestCase):
    def setUp(self) -> None:
        greenhub.monkey_patch()
        compiler = shutil.which("cc") or missing("cc")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        built = str(Path(folder) / "libstubborn.so")
        command = [compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", built]
        subprocess.run(command, input=_SOURCE, text=True, check=True)
        self.library = ctypes.CDLL(built)
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.addCleanup(os.close, self.writer)

    def test_it_suspends_its_green_thread(self) -> None:
        thread = greenhub.spawn(self.library.wait_for, self.reader)
        greenhub.sleep(0.02)
        self.assertFalse(thread.dead)
        os.write(self.writer, b"a")
        self.assertEqual(thread.wait(), 0)

    def test_it_is_let_wait_in_the_end_instead_of_turning_in_circles(self) -> None:
        def waits() -> int:
            with greenhub.Timeout(0.02):
                failed: int = self.library.wait_for(self.reader)
            return failed

        thread = greenhub.spawn(waits)
        greenhub.sleep(0.2)
        self.assertFalse(thread.dead)
        begin = time.process_time()
        greenhub.sleep(0.2)
        self.assertLess(time.process_time() - begin, 0.15)
        os.write(self.writer, b"a")
        failed = thread.wait()
        self.assertGreaterEqual(failed, 1)
        self.assertLess(failed, 1000)

    def test_a_kill_comes_when_it_is_done(self) -> None:
        def waits() -> str:
            self.library.wait_for(self.reader)
            try:
                greenhub.sleep(60)
            except KeyError:
                return "killed"
            return "not killed"

        thread = greenhub.spawn(waits)
        greenhub.sleep(0.02)
        thread.kill(KeyError())
        self.assertFalse(thread.dead)
        os.write(self.writer, b"a")
        self.assertEqual(thread.wait(), "killed")


if __name__ == "__main__":
    unittest.main()
