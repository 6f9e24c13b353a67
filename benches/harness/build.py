"""Compiles the benchmark programs in `c/`, those that need it against the library as a user would."""

import os
import shlex
import shutil
import subprocess

from . import BenchError

SOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "c")
FLAGS = ["-O2", "-std=gnu99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


class Builder:
    def __init__(self, lib, include, out):
        self.include = os.path.abspath(include)
        self.out = os.path.join(os.path.abspath(out), "bin")
        self.library = os.path.join(os.path.abspath(lib), "libgreenhub.so")
        self.compiler = shlex.split(os.environ.get("CC", "cc"))
        if not os.path.exists(self.library):
            raise BenchError("%s is missing: build the library first" % self.library)
        os.makedirs(self.out, exist_ok=True)
        self._link_names()

    def _link_names(self):
        """The loader asks for the soname, which Cargo does not make: links beside the programs."""
        for name in ("libgreenhub.so", "libgreenhub.so.0"):
            link = os.path.join(self.out, name)
            if os.path.lexists(link):
                os.remove(link)
            os.symlink(self.library, link)

    def notes(self):
        """What a reader of the figures should know of what was built."""
        return []

    def program(self, name, green):
        """Builds `c/name.c` and returns the path of the program."""
        path = os.path.join(self.out, name)
        command = self.compiler + FLAGS
        command += [os.path.join(SOURCES, name + ".c"), "-o", path, "-pthread"]
        if green:
            command += ["-I", self.include, "-L", self.out, "-lgreenhub", "-Wl,-rpath,$ORIGIN", "-ldl"]
        self._compile(name, command)
        return path

    def modules(self, name, count):
        """Builds `c/name.c` as a shared library and returns the paths of so many copies of it, each of
        which is a module of its own to the loader."""
        first = os.path.join(self.out, name + "-0.so")
        command = self.compiler + FLAGS + ["-shared", "-fPIC", os.path.join(SOURCES, name + ".c")]
        self._compile(name, command + ["-o", first])
        paths = [os.path.join(self.out, "%s-%d.so" % (name, number)) for number in range(count)]
        for path in paths[1:]:
            shutil.copyfile(first, path)
        return paths

    @staticmethod
    def _compile(name, command):
        try:
            done = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True)
        except OSError as error:
            raise BenchError("no C compiler: %s" % error)
        if done.returncode != 0:
            raise BenchError("%s.c does not compile:\n%s" % (name, done.stderr))
