"""What tests of sockets share: two ends, who waits at one, what ends that, a certificate."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Callable

from greenhub import GreenThread, sleep, socket, spawn


class Kill(BaseException):
    """Thrown by the tests."""


def waiting(call: Callable[..., Any], *arguments: Any) -> GreenThread[Any]:
    """A green thread that waits in a call by now."""
    thread = spawn(call, *arguments)
    sleep(0.02)
    assert not thread.dead, thread._error
    return thread


def connected() -> tuple[socket.socket, socket.socket]:
    """Two own sockets that are connected by TCP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


def make_certificate(folder: str) -> tuple[str, str]:
    """A key and a certificate of its own for localhost: the two files."""
    key, certificate = (os.path.join(folder, name) for name in ("key", "cert"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        + ["-keyout", key, "-out", certificate],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return key, certificate
