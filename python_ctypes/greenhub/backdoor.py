"""A Python prompt inside a running program, for whoever connects to a socket.

::

    greenhub.spawn(backdoor.backdoor_server, backdoor.listen("/run/app/backdoor"), {"app": app})

and ``socat READLINE UNIX-CONNECT:/run/app/backdoor`` in a shell. Who has the prompt can do whatever
the program can. Hence a Unix socket that nobody but its owner may open; one on the loopback address
has to be asked for, by listening there, and lets in everybody on the machine; anything wider needs
``anyone=True``.

Lines are UTF-8. Several may talk at once; each has a green thread, which runs what was typed: as
long as that computes, everybody else waits.
"""

from __future__ import annotations

import code
import errno
import ipaddress
import os
import socket
import stat
import struct
import sys
from typing import Any

from . import _sessions, _wire
from ._exceptions import GreenletExit
from .convenience import pause_after
from .greenthread import getcurrent, spawn_n

__all__ = ["backdoor", "backdoor_server", "listen"]

_PS1, _PS2 = ">>> ", "... "
#: The longest line that is taken, in bytes.
_LONGEST = 1 << 20


def listen(path: str | os.PathLike[str], backlog: int = 8) -> socket.socket:
    """A Unix socket that listens, and that only its owner, and root, may open.

    :param path: where. A socket that an earlier process of the same owner has left there, and at
        which nobody listens any more, is replaced.
    :raises OSError: something else is there, or cannot be made; EADDRINUSE if a server is.

    Its mode is 0600 from the moment it is there. Closing it leaves the path. Does not suspend.
    """
    path = os.fspath(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The file gets the mode of the socket, less the umask (unix(7), on Linux).
        os.fchmod(sock.fileno(), 0o600)
        try:
            sock.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_abandoned(path):
                raise
            os.unlink(path)
            sock.bind(path)
        sock.listen(backlog)
        _check_listener(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_abandoned(path: str) -> bool:
    found = os.lstat(path)
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) == errno.ECONNREFUSED


def backdoor_server(
    sock: Any, locals: dict[str, Any] | None = None, *, anyone: bool = False
) -> None:
    """Accepts connections, and gives each a prompt.

    :param sock: a socket that listens: one of `listen`, or on a loopback address.
    :param locals: the names that prompts know, shared by all; a new dict for each if None.
    :param anyone: lets in whoever can connect, instead of what follows.
    :raises ValueError: the socket is a Unix socket that others than its owner may open, or
        listens on an address that other machines reach.
    :raises OSError: it is closed, or cannot be accepted from.

    On a Unix socket users other than the program's own and root are turned away (SO_PEERCRED of
    unix(7)). Suspends until it is killed; it closes the socket then, and prompts go on.
    """
    try:
        if not anyone:
            _check_listener(sock)
        while True:
            try:
                connection, address = _wire.accept(sock)
            except OSError as error:
                pause_after(error)
                continue
            try:
                backdoor((connection, address), locals, anyone=anyone)
            except (ValueError, OSError):
                # Not for whoever that is, or gone already.
                connection.close()
            # Not kept by this frame while the next is waited for.
            del connection, address
    finally:
        sock.close()


def backdoor(
    conn_info: tuple[Any, Any], locals: dict[str, Any] | None = None, *, anyone: bool = False
) -> None:
    """Gives a connection a prompt, in a green thread of its own.

    :param conn_info: the connection, which is closed at the end of the session, and its address, as
        ``accept()`` returns them.
    :param locals: the names that the prompt knows, and makes; a new dict if None.
    :param anyone: whoever is at the other end, instead of what follows.
    :raises ValueError: at the other end of a Unix socket is another user than the program's own or
        root; or the connection comes from another machine.

    Does not suspend.
    """
    connection, address = conn_info
    if not anyone:
        _check_peer(connection)
    names = {"__name__": "__console__", "__doc__": None} if locals is None else locals
    thread = spawn_n(_serve, connection, names)
    thread.name = "backdoor-%s" % (address or connection.fileno(),)


def _check_listener(sock: Any) -> None:
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        # An abstract name has no mode, and no owner.
        if not name or name[0] in ("\0", 0):
            raise ValueError("everybody may open this socket: give it a path, or say anyone=True")
        found = os.stat(name)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise ValueError("others than its owner may open %r: see backdoor.listen()" % (name,))
    elif not _is_loopback(sock, name):
        raise ValueError(
            "other machines reach %r: listen on 127.0.0.1, or say anyone=True" % (name,)
        )


def _is_loopback(sock: Any, name: Any) -> bool:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    address = ipaddress.ip_address(name[0].partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _check_peer(connection: Any) -> None:
    if connection.family == socket.AF_UNIX:
        length = struct.calcsize("iII")
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, length)
        _, user, _ = struct.unpack("iII", found)
        if user not in (0, os.geteuid()):
            raise ValueError("the prompt is not for user %d" % user)
    elif not _is_loopback(connection, connection.getpeername()):
        raise ValueError("the prompt is not for other machines: say anyone=True")


class _Ended(GreenletExit):
    """The other side has gone."""


class _Stream:
    """What a session reads lines from and writes text to."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._rest = b""
        self._ended = False

    def readline(self, size: int = -1) -> str:
        """A line with its end; an empty text at the end of the session. Suspends."""
        while b"\n" not in self._rest and not self._ended:
            received = _wire.receive(self._connection, 4096)
            self._rest += received
            self._ended = not received or len(self._rest) > _LONGEST
        line, end, self._rest = self._rest.partition(b"\n")
        if not end:
            return ""
        return line.rstrip(b"\r").decode(self.encoding, self.errors) + "\n"

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> str:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def write(self, text: str) -> int:
        """Suspends while the other side does not read."""
        try:
            _wire.send(self._connection, text.encode(self.encoding, self.errors))
        except OSError:
            raise _Ended from None
        return len(text)

    def flush(self) -> None:
        """Everything is sent already."""

    def close(self) -> None:
        """Nothing: the session closes the connection. ``exit()`` calls it before it raises."""

    def isatty(self) -> bool:
        return False


class _Console(code.InteractiveConsole):
    def __init__(self, names: dict[str, Any], stream: _Stream) -> None:
        super().__init__(names, "<backdoor>")
        self._names = names
        self._stream = stream

    def write(self, data: str) -> None:
        self._stream.write(data)

    def runcode(self, code: Any) -> None:
        try:
            exec(code, self._names)
        except (SystemExit, GreenletExit):
            raise
        except BaseException:
            self.showtraceback()

    def talk(self) -> None:
        """Until the other side has had enough."""
        prompt = _PS1
        while True:
            self.write(prompt)
            line = self._stream.readline()
            if not line:
                return
            prompt = _PS2 if self.push(line[:-1]) else _PS1


def _serve(connection: Any, names: dict[str, Any]) -> None:
    me = getcurrent()
    stream = _Stream(connection)
    _sessions.begin(me, _sessions.Session(stream, names))
    try:
        stream.write(
            "Python %s on %s, inside process %d\n" % (sys.version, sys.platform, os.getpid())
        )
        _Console(names, stream).talk()
    except (SystemExit, _Ended, OSError):
        pass
    finally:
        _sessions.end(me)
        connection.close()
