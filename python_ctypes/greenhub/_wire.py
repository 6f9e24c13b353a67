"""Sockets whose waits suspend only the calling green thread, whether anything is patched or not."""

from __future__ import annotations

import os
import select
import socket
from typing import Any

from . import _core
from ._bindings import GH_NEVER
from ._library import library


def _checked(number: int) -> int:
    """What a function of the library has given, if that is no error."""
    if number < 0:
        # What was thrown into the thread is raised here, if that is what has ended the wait.
        _core.sleep(0)
        raise OSError(-number, os.strerror(-number))
    return number


def wait(fd: int, events: int, seconds: float | None = None) -> None:
    """Suspends until a descriptor is ready.

    :param events: ``select.POLLIN`` or ``select.POLLOUT``, or both
    :param seconds: for so long at most; None for as long as it takes
    :raises OSError: EBADF, or another that poll(2) would tell; ETIMEDOUT, the time is over
    """
    deadline = GH_NEVER if seconds is None else library.gh_after_ms(max(0, round(seconds * 1000)))
    _checked(library.gh_wait_fd(fd, events, deadline))


def accept(sock: Any) -> tuple[Any, Any]:
    """``sock.accept()``. Suspends.

    :raises OSError: what accept(2) gives.
    """
    if type(sock) is not socket.socket:
        return sock.accept()  # type: ignore[no-any-return]
    descriptor = _checked(library.gh_accept(sock.fileno(), None, None, GH_NEVER))
    connection = socket.socket(fileno=descriptor)
    try:
        return connection, connection.getpeername()
    except BaseException:
        connection.close()
        raise


def receive(sock: Any, size: int) -> bytes:
    """``sock.recv(size)``, whatever the socket's timeout is. Suspends."""
    if type(sock) is not socket.socket:
        return sock.recv(size)  # type: ignore[no-any-return]
    while True:
        wait(sock.fileno(), select.POLLIN)
        try:
            return sock.recv(size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue


def send(sock: Any, data: bytes) -> None:
    """``sock.sendall(data)``, whatever the socket's timeout is. Suspends."""
    if type(sock) is not socket.socket:
        sock.sendall(data)
        return
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            wait(sock.fileno(), select.POLLOUT)
