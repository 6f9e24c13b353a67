"""The interpreter that runs the Python programs, with the package and its peers, which it installs from PyPI."""

import filecmp
import os
import shutil
import subprocess
import sys

from . import BenchError
from .build import Builder
from .command import TOP

PROGRAMS = os.path.join(TOP, "benches", "python")
REQUIREMENTS = os.path.join(PROGRAMS, "requirements.txt")


class Interpreter(Builder):
    """A virtual environment of the interpreter that runs this, made once for each list of requirements."""

    def __init__(self, lib, include, out):
        Builder.__init__(self, lib, include, out)
        version = "%d.%d" % sys.version_info[:2]
        self.folder = os.path.join(TOP, "target", "bench-python", version)
        self.executable = os.path.join(self.folder, "bin", "python")
        # Programs inherit these; nothing of the user's own is to take part.
        os.environ.pop("PYTHONHOME", None)
        os.environ["PYTHONPATH"] = os.path.join(TOP, "python_ctypes")
        os.environ["GREENHUB_LIBRARY"] = self.library
        self._install()

    def _install(self):
        installed = os.path.join(self.folder, "installed.txt")
        if os.path.exists(installed) and filecmp.cmp(installed, REQUIREMENTS, shallow=False):
            return
        print("installing the peers into " + self.folder, file=sys.stderr, flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        pip = [self.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        for command in (
            [sys.executable, "-m", "venv", self.folder],
            pip + ["--only-binary", ":all:", "-r", REQUIREMENTS],
        ):
            try:
                done = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True)
            except OSError as error:
                raise BenchError("%s: %s" % (command[0], error))
            if done.returncode != 0:
                lines = done.stderr.strip().splitlines() or ["status %d" % done.returncode]
                raise BenchError("the peers cannot be installed: " + lines[-1])
        shutil.copyfile(REQUIREMENTS, installed)

    def notes(self):
        with open(REQUIREMENTS) as file:
            peers = [line.strip() for line in file if line[:1].isalpha()]
        version = sys.version.split()[0]
        return ["CPython %s, %s" % (version, ", ".join(peers).replace("==", " "))]

    def script(self, name, *arguments):
        """The command that runs a program of `python/`."""
        return [self.executable, os.path.join(PROGRAMS, name + ".py")] + [str(each) for each in arguments]
