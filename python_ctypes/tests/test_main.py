"""python -m greenhub: whole programs, patched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

from support import run_python

PATCHES = "from greenhub import patcher; patcher.monkey_patch()\n"

#: One task sleeps in the standard library, another prints.
SLEEPER = """
import time
import greenhub.greenthread as greenhub

def sleeps():
    time.sleep(3)
    print("slept", flush=True)

def prints():
    while True:
        print("tick", flush=True)
        greenhub.sleep(0.1)

greenhub.spawn(prints)
greenhub.spawn(sleeps).wait()
"""


class Main(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "greenhub", *arguments],
            cwd=str(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )

    def run_main(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def script(self, code: str, name: str = "script.py") -> str:
        (self.folder / name).write_text(textwrap.dedent(code))
        return name

    def test_a_script_runs_as_a_green_thread_with_everything_patched(self) -> None:
        self.script("VALUE = 7", "beside.py")
        script = self.script("""
            import os, sys, threading, time
            import beside
            from greenhub import patcher
            from greenhub.greenthread import getcurrent, spawn
            assert __name__ == "__main__" and sys.modules["__main__"].__dict__["beside"].VALUE == 7
            assert sys.argv == ["script.py", "one", "-two"], sys.argv
            assert patcher.is_monkey_patched("socket") and getcurrent().name == "main"
            start = time.monotonic()
            for thread in [spawn(time.sleep, 0.2) for _ in range(10)]:
                thread.wait()
            assert time.monotonic() - start < 1.5
            print("done")
        """)
        self.assertEqual(self.run_main(script, "one", "-two"), (0, "done\n", ""))

    def test_a_module_runs_too(self) -> None:
        self.script("import sys; print(__name__, sys.argv[1:])", "program.py")
        self.assertEqual(self.run_main("-m", "program", "-x"), (0, "__main__ ['-x']\n", ""))

    def test_exit_statuses_and_exceptions_are_the_programs(self) -> None:
        self.assertEqual(self.run_main(self.script("import sys; sys.exit(3)")), (3, "", ""))
        status, _, err = self.run_main(self.script("import sys; sys.exit('said')"))
        self.assertEqual((status, err), (1, "said\n"))
        status, _, err = self.run_main(self.script("1 / 0"))
        self.assertEqual(status, 1)
        self.assertIn("ZeroDivisionError", err)
        self.assertEqual(err.count("Traceback"), 1, err)

    def test_wrong_usage_is_told(self) -> None:
        self.assertEqual(self.run_main()[0], 2)
        self.assertEqual(self.run_main("-m")[0], 2)
        self.assertEqual(self.run_main("--no-such")[0], 2)
        self.assertEqual(self.run_main("--help")[0], 0)
        self.assertNotEqual(self.run_main("no-such-file.py")[0], 0)

    def test_an_interrupt_is_raised_in_the_programs_main_code(self) -> None:
        script = self.script("""
            import greenhub.greenthread as green
            print("ready", flush=True)
            try:
                green.sleep(60)
            except KeyboardInterrupt:
                print("interrupted", flush=True)
                raise SystemExit(5)
        """)
        process = self.start(script)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "ready\n")
        # The line is printed before the program waits.
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out, err), (5, "interrupted\n", ""))

    def test_a_program_ends_in_spite_of_live_green_threads(self) -> None:
        for ending in ("", "import sys; sys.exit(0)", "import os; os._exit(0)"):
            script = self.script("""
                import socket, threading, time
                from greenhub.greenthread import sleep, spawn
                class Sleeps:
                    def __del__(self):
                        try:
                            sleep(0.01)
                        except RuntimeError:
                            pass
                kept = Sleeps()
                near, far = socket.socketpair()
                spawn(near.recv, 1)
                spawn(sleep, 100)
                spawn(threading.Event().wait)
                spawn(sleep, 100)
                sleep(0.01)
            """)
            with open(self.folder / script, "a") as file:
                file.write(ending + "\n")
            self.assertEqual(self.run_main(script)[0], 0, ending)


class Seeds(unittest.TestCase):
    def test_a_sleep_of_the_standard_library_stops_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "sleeper.py")
            Path(script).write_text(PATCHES + SLEEPER)
            done = run_python("import runpy, sys; runpy.run_path(sys.argv[1])", script)
        lines = done.stdout.splitlines()
        self.assertEqual(done.stderr, "")
        # The other one may have a word more.
        self.assertIn("slept", lines[-2:])
        # One each 100 ms in 3 s: a busy machine may leave some out, a blocked one all but one.
        self.assertGreater(lines.count("tick"), 15)


if __name__ == "__main__":
    unittest.main()
