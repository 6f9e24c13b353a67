"""TLS over sockets of `greenhub.socket`, in a program that patches nothing.

The standard library's `ssl` reads and writes by itself, and would wait there. It does not on a
socket in non-blocking mode: it says what it waits for, and leaves the waiting to its caller.
"""

from __future__ import annotations

import socket as _standard
import ssl
import weakref
from select import POLLIN, POLLOUT
from typing import Any, Callable, TypeVar

from .socket import Limit, socket

T = TypeVar("T")


class _Session:
    """What `ssl.SSLSocket` calls for each step, with the waiting."""

    # Set in the session itself, see `__setattr__`.
    _owner: Callable[[], SSLSocket]
    _session: Any

    def __init__(self, owner: SSLSocket, session: Any) -> None:
        own = self.__dict__
        # The owner has the session: another reference would keep both until a collection.
        own["_owner"] = weakref.ref(owner)
        own["_session"] = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._session, name, value)

    def read(self, *args: Any) -> Any:
        return self._stepped("read", self._session.read, *args)

    def write(self, data: Any) -> Any:
        return self._stepped("write", self._session.write, data)

    def do_handshake(self) -> Any:
        return self._stepped("handshake", self._session.do_handshake)

    def shutdown(self) -> Any:
        return self._stepped("shutdown", self._session.shutdown)

    def _stepped(self, what: str, step: Callable[..., T], *args: Any) -> T:
        owner = self._owner()
        timeout = owner.gettimeout()
        limit = None
        while True:
            try:
                return step(*args)
            except ssl.SSLWantReadError:
                if timeout == 0:
                    raise
                events = POLLIN
            except ssl.SSLWantWriteError:
                if timeout == 0:
                    raise
                events = POLLOUT
            if limit is None:
                limit = Limit(timeout, "The %s operation timed out" % what)
            limit.wait(owner.fileno(), events)


class SSLSocket(ssl.SSLSocket, socket):  # type: ignore[misc]
    """`ssl.SSLSocket`, which suspends the green thread that waits.

    While TLS is spoken its descriptor is in non-blocking mode; the timeout that it shows, and
    keeps, is the one that was set.
    """

    # Set by the standard library.
    do_handshake_on_connect: bool
    suppress_ragged_eofs: bool

    _green_timeout: float | None = None
    _green_session: _Session | None = None

    @property
    def _sslobj(self) -> Any:
        return self._green_session

    @_sslobj.setter
    def _sslobj(self, session: Any) -> None:
        self._green_session = None if session is None else _Session(self, session)
        if self.fileno() >= 0:
            self._green_apply()

    def _green_apply(self) -> None:
        """Sets what the descriptor itself is to do."""
        super().settimeout(self._green_timeout if self._green_session is None else 0)

    def settimeout(self, value: Any, /) -> None:
        """`socket.socket.settimeout`."""
        super().settimeout(value)
        self._green_timeout = super().gettimeout()
        self._green_apply()

    def gettimeout(self) -> float | None:
        """`socket.socket.gettimeout`."""
        return self._green_timeout

    def setblocking(self, flag: bool, /) -> None:
        """`socket.socket.setblocking`."""
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """`socket.socket.getblocking`."""
        return self._green_timeout != 0

    @property
    def timeout(self) -> float | None:
        """`socket.socket.timeout`."""
        return self._green_timeout

    def accept(self) -> tuple[SSLSocket, Any]:
        """`ssl.SSLSocket.accept`."""
        accepted, address = socket.accept(self)
        return wrapped(
            accepted,
            self.context,
            server_side=True,
            do_handshake_on_connect=self.do_handshake_on_connect,
            suppress_ragged_eofs=self.suppress_ragged_eofs,
        ), address


def wrapped(sock: _standard.socket, context: ssl.SSLContext, **options: Any) -> SSLSocket:
    """`ssl.SSLContext.wrap_socket`, with a socket of ours. A context that makes sockets of another
    class is not asked to: somebody else may use it meanwhile."""
    create: Callable[..., SSLSocket] = SSLSocket._create  # type: ignore[attr-defined]
    return create(sock, context=context, **options)
