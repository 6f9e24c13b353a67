"""Sockets that let other green threads run while they wait, in a program that patches nothing.

What `greenhub.listen` and `greenhub.connect` give. A `socket` is one of the standard library's: an
instance, with the same methods, errors and timeouts. Those that wait are the library's own, which
costs less than what `monkey_patch` does beneath the standard library's.

Constants and the rest of the standard library's names can be had from here as well.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import socket as _standard
from errno import EAGAIN, ECONNRESET, EINPROGRESS, EISCONN
from select import POLLIN, POLLOUT
from time import monotonic
from types import FunctionType
from typing import Any, Callable, TypeVar

from . import _core, tpool

__all__ = [
    "create_connection",
    "create_server",
    "fromfd",
    "getaddrinfo",
    "socket",
    "socketpair",
]

T = TypeVar("T")


def __getattr__(name: str) -> Any:
    return getattr(_standard, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_standard)})


_DONTWAIT = _standard.MSG_DONTWAIT
_IP = (_standard.AF_INET, _standard.AF_INET6)
#: Between two tries where no event tells when there is room: in seconds.
_SHORTEST, _LONGEST = 50e-6, 32e-3


class Limit:
    """How long one call may take, in however many steps."""

    __slots__ = ("_deadline", "_pause", "_text")

    def __init__(self, seconds: float | None, text: str = "timed out") -> None:
        self._deadline = None if seconds is None else monotonic() + seconds
        self._text = text
        self._pause = _SHORTEST

    def wait(self, fd: int, events: int) -> None:
        """Waits for the descriptor.

        :raises socket.timeout: the time is over.
        """
        if not _core.wait_fd(fd, events, self.left()):
            raise self.over()

    def pause(self) -> None:
        """Lets some time pass, more each time, where no event tells when to try again.

        :raises socket.timeout: the time is over.
        """
        left = self.left()
        if left == 0:
            raise self.over()
        _core.sleep(self._pause if left is None else min(self._pause, left))
        self._pause = min(2 * self._pause, _LONGEST)

    def left(self) -> float | None:
        """What is left of the time."""
        return None if self._deadline is None else max(0.0, self._deadline - monotonic())

    def over(self) -> OSError:
        """What is raised then."""
        return _standard.timeout(self._text)


class socket(_standard.socket):
    """A socket of the standard library's, whose methods suspend the green thread that waits.

    The constructor, and whatever is not said here, is `socket.socket`'s: timeouts, blocking mode,
    `makefile`, `detach`, `dup`, the context manager. `accept` gives a socket of this class.

    Any number of green threads of one OS thread may use one at a time; they get what comes in the
    order in which they came. Who closes it ends the waits of the others with EBADF. A wait ends
    with exactly the exception of a `kill` or a `Timeout`.

    How long it waits is a matter of `settimeout` and `setblocking` alone: SO_RCVTIMEO, SO_SNDTIMEO
    and a mode that was set behind its back say nothing to it. Without `monkey_patch` these still
    block the OS thread: name lookups of `bind`, and `close` of a socket that lingers.
    """

    __slots__ = ()

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        super().__init__(family, type, proto, fileno)
        # The standard library's close, or the garbage collector's, tells nobody.
        if fileno is None:
            _core.adopt(self.fileno())
        else:
            _core.doubt(self.fileno())

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """`socket.socket.recv`."""
        return _core.recv(self.fileno(), bufsize, flags, self.gettimeout())

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """`socket.socket.recv_into`."""
        return _core.recv_into(self.fileno(), buffer, nbytes, flags, self.gettimeout())

    def send(self, data: Any, flags: int = 0, /) -> int:
        """`socket.socket.send`."""
        return _core.send(self.fileno(), data, flags, self.gettimeout())

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """`socket.socket.sendall`."""
        _core.sendall(self.fileno(), data, flags, self.gettimeout())

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """`socket.socket.recvfrom`."""
        call = super().recvfrom
        return self._green_call(POLLIN, flags, lambda flags: call(bufsize, flags))

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """`socket.socket.recvfrom_into`."""
        call = super().recvfrom_into
        return self._green_call(POLLIN, flags, lambda flags: call(buffer, nbytes, flags))

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        """`socket.socket.recvmsg`."""
        call = super().recvmsg
        return self._green_call(POLLIN, flags, lambda flags: call(bufsize, ancbufsize, flags))

    def recvmsg_into(self, buffers: Any, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        """`socket.socket.recvmsg_into`."""
        call = super().recvmsg_into
        return self._green_call(POLLIN, flags, lambda flags: call(buffers, ancbufsize, flags))

    def sendto(self, data: Any, *rest: Any) -> int:
        """`socket.socket.sendto`."""
        if len(rest) not in (1, 2):
            raise TypeError("sendto() takes 2 or 3 arguments (%d given)" % (len(rest) + 1))
        flags, address = (0, *rest)[-2:]
        address = self._green_resolve(address)
        call = super().sendto
        return self._green_send(address, flags, lambda flags: call(data, flags, address))

    def sendmsg(
        self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /
    ) -> int:
        """`socket.socket.sendmsg`."""
        call = super().sendmsg
        address = address if address is None else self._green_resolve(address)
        return self._green_send(
            address, flags, lambda flags: call(buffers, ancdata, flags, address)
        )

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """`socket.socket.sendfile`, by way of `send`: sendfile(2) would wait in the kernel."""
        send: Callable[..., int] = self._sendfile_use_send  # type: ignore[attr-defined]
        return send(file, offset, count)

    def accept(self) -> tuple[socket, Any]:
        """`socket.socket.accept`."""
        fd, address = _core.accept(self.fileno(), self.gettimeout())
        try:
            accepted = socket(self.family, self.type, self.proto, fd)
        except BaseException:
            _core.close(fd)
            raise
        if _standard.getdefaulttimeout() is None and self.gettimeout():
            accepted.setblocking(True)
        return accepted, accepted.getpeername() if address is None else address

    def connect(self, address: Any, /) -> None:
        """`socket.socket.connect`."""
        timeout = self.gettimeout()
        address = self._green_resolve(address)
        if timeout == 0:
            super().connect(address)
            return
        error = self._green_connect(address, timeout)
        if error:
            raise _error(error)

    def connect_ex(self, address: Any, /) -> int:
        """`socket.socket.connect_ex`."""
        timeout = self.gettimeout()
        address = self._green_resolve(address)
        if timeout == 0:
            return super().connect_ex(address)
        try:
            return self._green_connect(address, timeout)
        except _standard.timeout:
            # As the standard library has it.
            return EAGAIN

    def shutdown(self, how: int, /) -> None:
        """`socket.socket.shutdown`."""
        _core.shutdown(self.fileno(), how)

    def _real_close(self, _ss: Any = None) -> None:
        fd = self.detach()
        if fd >= 0:
            try:
                _core.close(fd)
            except OSError as error:
                # As the standard library has it: the peer may have closed first.
                if error.errno != ECONNRESET:
                    raise

    def _green_call(self, events: int, flags: int, call: Callable[[int], T]) -> T:
        """Makes a call of the standard library's when it need not wait."""
        timeout = self.gettimeout()
        if timeout == 0 or flags & _DONTWAIT:
            return call(flags)
        limit = Limit(timeout)
        if timeout is not None:
            # With a timeout the standard library asks first, and would wait there.
            limit.wait(self.fileno(), events)
        while True:
            try:
                return call(flags | _DONTWAIT)
            except BlockingIOError:
                pass
            limit.wait(self.fileno(), events)

    def _green_send(self, address: Any, flags: int, call: Callable[[int], int]) -> int:
        """Makes a call that sends to an address."""
        if address is None or self.family != _standard.AF_UNIX:
            return self._green_call(POLLOUT, flags, call)
        timeout = self.gettimeout()
        if timeout == 0 or flags & _DONTWAIT:
            return call(flags)
        # If the receiver is full: the socket itself can be written to all the while.
        limit = Limit(timeout)
        while True:
            try:
                return self._green_once(lambda: call(flags | _DONTWAIT))
            except BlockingIOError:
                pass
            limit.pause()

    def _green_connect(self, address: Any, timeout: float | None) -> int:
        """Connects within the time, and gives the errno."""
        connect = super().connect_ex
        limit = Limit(timeout)
        error = self._green_once(lambda: connect(address))
        while error == EAGAIN:
            # The backlog of a Unix socket is full.
            limit.pause()
            error = self._green_once(lambda: connect(address))
        if error == EINPROGRESS:
            limit.wait(self.fileno(), POLLOUT)
            error = self.getsockopt(_standard.SOL_SOCKET, _standard.SO_ERROR)
        return 0 if error == EISCONN else error

    def _green_once(self, call: Callable[[], T]) -> T:
        """Makes a call that would wait, and for which there is no flag against that."""
        timeout = super().gettimeout()
        super().settimeout(0)
        try:
            return call()
        finally:
            super().settimeout(timeout)

    def _green_resolve(self, address: Any) -> Any:
        """The address with a number in place of a name, which the standard library would look up
        with the OS thread."""
        if self.family not in _IP or not isinstance(address, tuple) or len(address) < 2:
            return address
        host = address[0]
        if isinstance(host, (bytes, bytearray)):
            host = host.decode("ascii", "replace")
        if not isinstance(host, str) or host in ("", "<broadcast>") or _is_number(host):
            return address
        found = getaddrinfo(host, None, self.family, _standard.SOCK_DGRAM)
        numeric: tuple[Any, ...] = found[0][4]
        # A scope that the name has brings its number along.
        scope = numeric[2:] if len(address) == 2 else address[2:]
        return (numeric[0], address[1], *scope)


class _Fields(ctypes.Structure):
    """What an object of the standard library's has behind its head."""

    _fields_ = [
        ("fd", ctypes.c_int),
        ("family", ctypes.c_int),
        ("type", ctypes.c_int),
        ("proto", ctypes.c_int),
        ("errorhandler", ctypes.c_void_p),
        ("timeout", ctypes.c_int64),
    ]


def _has_fields(head: int) -> bool:
    """Whether an object of this interpreter's has them."""
    with _standard.socket(_standard.AF_UNIX, _standard.SOCK_DGRAM) as probe:
        if type(probe).__basicsize__ < head + ctypes.sizeof(_Fields):
            return False
        fields = _Fields.from_address(id(probe) + head)
        for timeout in (12.5, 0.0, None):
            probe.settimeout(timeout)
            found = (fields.fd, fields.family, fields.type, fields.proto)
            if found != (probe.fileno(), probe.family, probe.type, probe.proto):
                return False
            if max(fields.timeout, -1) != (-1 if timeout is None else int(timeout * 10**9)):
                return False
    return bool(fields.fd == -1)


def _quicken(head: int) -> dict[str, Any]:
    """Has the methods that are called most be the library's own, which look into the object
    instead of asking it. Where it looks otherwise those above remain. Gives what was replaced."""
    methods = _core.socket_methods(socket, head) if _has_fields(head) else {}
    replaced = {name: vars(socket)[name] for name in methods}
    for name, method in methods.items():
        setattr(socket, name, method)
    return replaced


_replaced = _quicken(object.__basicsize__)


def _retire() -> None:
    """Leaves what waits to the standard library, when no green thread is going to run any more."""
    for name in _WAITING:
        delattr(socket, name)


_WAITING = [
    "accept",
    "connect",
    "connect_ex",
    "recv",
    "recv_into",
    "recvfrom",
    "recvfrom_into",
    "recvmsg",
    "recvmsg_into",
    "send",
    "sendall",
    "sendfile",
    "sendmsg",
    "sendto",
]
# `_core` has said before what is to be done then, so that this is done first.
atexit.register(_retire)


def _is_number(host: str) -> bool:
    for family in _IP:
        try:
            _standard.inet_pton(family, host)
            return True
        except (OSError, ValueError):
            pass
    return False


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
    """`socket.getaddrinfo`, for a name in an OS thread of `tpool`. Suspends then."""
    if host is None or (isinstance(host, str) and _is_number(host)):
        return _standard.getaddrinfo(host, port, *args, **kwargs)
    found: list[Any] = tpool.execute(_standard.getaddrinfo, host, port, *args, **kwargs)
    return found


def _ours(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the standard library's that makes sockets, with ours in place of its own."""
    code: FunctionType = function  # type: ignore[assignment]
    names = {**vars(_standard), "socket": socket, "getaddrinfo": getaddrinfo}
    made = FunctionType(code.__code__, names, code.__name__, code.__defaults__, code.__closure__)
    made.__kwdefaults__ = code.__kwdefaults__
    made.__doc__ = "`socket.%s`, with sockets of this module." % code.__name__
    made.__module__ = __name__
    return made


create_connection = _ours(_standard.create_connection)
create_server = _ours(_standard.create_server)
fromfd = _ours(_standard.fromfd)
socketpair = _ours(_standard.socketpair)
