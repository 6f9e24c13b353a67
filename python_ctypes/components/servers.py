"""A real server of the tests' own: in a temporary folder, on loopback, as a user who is not root.

It ends with the tests whatever happens: by `atexit`, and if they die without that, by the kernel,
which signals the server when its parent is gone.
"""

from __future__ import annotations

import atexit
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Sequence

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.append(str(TESTS))

from support import missing  # noqa: E402

__all__ = ["Server", "find_program", "free_port", "is_listening", "missing"]

_STARTS_WITHIN = 60.0
_ENDS_WITHIN = 10.0


def find_program(name: str) -> str:
    """The path of a server's program. Debian keeps some out of PATH.

    :raises unittest.SkipTest: it is not installed; an AssertionError where CI=true.
    """
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which(name, path=path) or missing(name)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A folder, the user it belongs to, and the program that runs there.

    :param users: where the tests are root, who the server is: the first of them that there is. None
        for a program that does not mind.
    :param ends_by: the signal by which it ends at once, and its children with it.
    """

    def __init__(self, *users: str, ends_by: signal.Signals = signal.SIGKILL) -> None:
        self._ends_by = ends_by
        self._process: subprocess.Popen[bytes] | None = None
        self._user: pwd.struct_passwd | None = None
        # Short: a Unix socket lies in it.
        self.folder = Path(tempfile.mkdtemp(prefix="greenhub-server-"))
        atexit.register(self.close)
        if users and os.geteuid() == 0:
            known = {user.pw_name: user for user in pwd.getpwall()}
            self._user = next(known[name] for name in users if name in known)
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)

    def _command(self, command: Sequence[object]) -> list[str]:
        setpriv = [find_program("setpriv"), "--pdeathsig", self._ends_by.name[3:]]
        if self._user is not None:
            setpriv += ["--reuid", str(self._user.pw_uid), "--regid", str(self._user.pw_gid)]
            setpriv += ["--clear-groups"]
        return setpriv + ["--", *map(str, command)]

    def _environment(self) -> dict[str, str]:
        # What a user has set for clients is none of the server's business.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return {**kept, "LC_ALL": "C", "HOME": str(self.folder)}

    def prepare(self, *command: object) -> None:
        """Runs a program to its end."""
        done = subprocess.run(
            self._command(command),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_STARTS_WITHIN,
        )
        if done.returncode:
            raise AssertionError(done.stdout.decode(errors="replace"))

    def start(self, *command: object, ready: Callable[[], bool]) -> None:
        """Starts the server, in place of one that runs, and waits until it serves."""
        self.kill()
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                self._command(command),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _STARTS_WITHIN
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log_text = (self.folder / "log").read_text(errors="replace")
                raise AssertionError("%s did not start: %s" % (command[0], log_text[-4000:]))
            time.sleep(0.02)

    def kill(self) -> None:
        """Ends the server at once, whatever goes on there."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(self._ends_by)
        try:
            process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
