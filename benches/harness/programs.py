"""Running the benchmark programs: pinned, bounded in time, their one line of JSON read."""

import json
import os
import subprocess

from . import BenchError


def _pin(core):
    cores = core if isinstance(core, set) else {core}
    return lambda: os.sched_setaffinity(0, cores)


def _name(command):
    """Of the program, not of its interpreter."""
    scripts = [word for word in command if word.endswith(".py")]
    return os.path.basename((scripts or command)[0])


def _reason(command, status, errors):
    text = (errors or "").strip().splitlines()
    return "%s: %s" % (_name(command), text[-1] if text else "status %s" % status)


def run(core, *command, **options):
    """Runs a program to its end on one core, or a set of them, and returns what it printed as a dictionary."""
    limit = options.pop("limit", 120)
    command = [str(word) for word in command]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=limit,
            preexec_fn=_pin(core),
        )
    except subprocess.TimeoutExpired:
        raise BenchError("%s: did not end within %d s" % (_name(command), limit))
    if done.returncode != 0:
        raise BenchError(_reason(command, done.returncode, done.stderr))
    return json.loads(done.stdout.splitlines()[-1])


class Server:
    """A server in a process of its own on one core, for the length of a `with` block. It prints its port first."""

    def __init__(self, core, *command):
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            preexec_fn=_pin(core),
        )
        self.pid = self.process.pid

    def __enter__(self):
        line = self.process.stdout.readline().split()
        if not line or not line[-1].isdigit():
            self.process.kill()
            errors = self.process.communicate()[1]
            raise BenchError(_reason(self.command, self.process.returncode, errors))
        self.port = int(line[-1])
        return self

    def __exit__(self, kind, value, trace):
        early = self.process.poll()
        self.process.kill()
        errors = self.process.communicate()[1]
        if early is not None:
            raise BenchError(_reason(self.command, early, errors))
