"""Listening, connecting and serving, in one call each.

The sockets are those of `greenhub.socket`: they let other green threads run while they wait, in a
program that patches nothing as in one that does.
"""

from __future__ import annotations

import errno
import ssl
from functools import partial
from typing import Any, Callable

from . import _tls, socket
from .greenpool import GreenPool
from .greenthread import GreenThread, getcurrent, sleep

__all__ = ["StopServe", "connect", "listen", "serve", "wrap_ssl"]


class StopServe(Exception):
    """Raised by a handler of `serve`, or thrown into the server, it has `serve` return."""


def connect(addr: Any, family: int = socket.AF_INET, bind: Any = None) -> socket.socket:
    """A stream socket that is connected.

    :param addr: where to, as the family has it.
    :param bind: the address to connect from.
    :raises OSError: it cannot be.

    Suspends.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if bind is not None:
            sock.bind(bind)
        sock.connect(addr)
    except BaseException:
        sock.close()
        raise
    return sock


def listen(
    addr: Any,
    family: int = socket.AF_INET,
    backlog: int = 50,
    reuse_addr: bool = True,
    reuse_port: bool | None = None,
) -> socket.socket:
    """A stream socket that listens, for `serve`.

    :param addr: where, as the family has it.
    :param backlog: how many connections may wait to be accepted.
    :param reuse_addr: whether to set SO_REUSEADDR, so that a server can be started again at once.
    :param reuse_port: whether to set SO_REUSEPORT, so that several processes share the port. Never
        set unless asked for: a second server on the same port has to learn that there is one.
    :raises OSError: the address is taken, or wrong.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuse_addr and family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(addr)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


# The peer has gone before it was accepted, or what accept(2) says of the network: see its page.
_PEER = {
    errno.ECONNABORTED,
    errno.EPROTO,
    errno.ENETDOWN,
    errno.ENOPROTOOPT,
    errno.EHOSTDOWN,
    errno.ENONET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
}
# There is no room for another connection until one is closed.
_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE = 0.1


def pause_after(error: OSError) -> None:
    """What a server does that could not accept a connection: goes on, at once or after a pause.

    :raises OSError: ``error``, if it will be the same with the next connection.
    """
    if error.errno in _FULL:
        sleep(_PAUSE)
    elif error.errno not in _PEER:
        raise error


def serve(
    sock: Any, handle: Callable[[Any, Any], object], concurrency: int | GreenPool = 1000
) -> None:
    """Accepts connections, and has a green thread handle each.

    :param sock: a socket that listens.
    :param handle: called with the connection and its address. The connection is closed after it.
    :param concurrency: how many connections are handled at a time, or the pool to use.
    :raises Exception: what leaves a handler ends the server. A handler that is killed, or raises
        StopServe, is another matter: the first is let go, the second has this return.

    Suspends until it is ended. Handlers that are running then go on. Connections that fail while
    they are accepted are passed over; without room for another one it waits for that.
    """
    pool = concurrency if isinstance(concurrency, GreenPool) else GreenPool(concurrency)
    server = getcurrent()
    while True:
        try:
            try:
                connection, address = sock.accept()
            except OSError as error:
                pause_after(error)
                continue
            try:
                thread = pool.spawn(handle, connection, address)
            except BaseException:
                connection.close()
                raise
            thread._when_done(partial(_handled, server, connection))
            # Not kept by this frame while the next is waited for.
            del connection, address, thread
        except StopServe:
            return


def _handled(server: GreenThread[Any], connection: Any, thread: GreenThread[Any]) -> None:
    error = thread._error
    try:
        connection.close()
    finally:
        if isinstance(error, Exception) and not server.dead:
            thread._take()
            server._throw(error)


def wrap_ssl(
    sock: Any,
    keyfile: str | None = None,
    certfile: str | None = None,
    server_side: bool = False,
    cert_reqs: int = ssl.CERT_NONE,
    ssl_version: int | None = None,
    ca_certs: str | None = None,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    ciphers: str | None = None,
    server_hostname: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> ssl.SSLSocket:
    """TLS over a socket.

    :param sock: one of `greenhub.socket`, with which TLS suspends in a program that patches nothing
        as well, or one of the standard library's.
    :param cert_reqs: what is demanded of the other side's certificate. ``CERT_NONE`` is the
        default, as it is in eventlet, and means that anybody may be at the other end.
    :param ca_certs: a file of authorities; those of the system if None, and a certificate is
        demanded.
    :param server_hostname: the name of the server; checked if a certificate is demanded.
    :param ssl_context: used as it is, instead of all that concerns certificates and ciphers.
    :raises ssl.SSLError: the handshake failed; ``SSLCertVerificationError`` if it is for the
        certificate.
    :raises OSError: a file cannot be read.

    The other parameters are those of the late ``ssl.wrap_socket``. Suspends for the handshake, if
    the socket is connected and ``do_handshake_on_connect`` is true.
    """
    if ssl_context is None:
        default = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
        ssl_context = ssl.SSLContext(default if ssl_version is None else ssl_version)
        # Without a name there is nothing to compare a certificate's name with.
        ssl_context.check_hostname = False
        ssl_context.verify_mode = ssl.VerifyMode(cert_reqs)
        if cert_reqs != ssl.CERT_NONE and server_hostname and not server_side:
            ssl_context.check_hostname = True
        if ca_certs is not None:
            ssl_context.load_verify_locations(ca_certs)
        elif cert_reqs != ssl.CERT_NONE:
            purpose = ssl.Purpose.CLIENT_AUTH if server_side else ssl.Purpose.SERVER_AUTH
            ssl_context.load_default_certs(purpose)
        if certfile is not None:
            ssl_context.load_cert_chain(certfile, keyfile)
        if ciphers is not None:
            ssl_context.set_ciphers(ciphers)
    options: dict[str, Any] = {
        "server_side": server_side,
        "do_handshake_on_connect": do_handshake_on_connect,
        "suppress_ragged_eofs": suppress_ragged_eofs,
        "server_hostname": server_hostname,
    }
    if isinstance(sock, socket.socket):
        return _tls.wrapped(sock, ssl_context, **options)
    return ssl_context.wrap_socket(sock, **options)
