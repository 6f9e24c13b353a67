"""A web server that answers after a pause, over HTTP and over TLS: a program of its own.

Usage: web_server.py CERTIFICATE KEY PORTS. It writes the ports of both into the file PORTS.

Each connection has an OS thread, so that nothing here has to be cooperative.
"""

from __future__ import annotations

import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable


class Handler(BaseHTTPRequestHandler):
    """The first part of a path says what is asked for, the others are its numbers."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes, of which the second would wait for an acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        name, *numbers = self.path.strip("/").split("/")
        answer: Callable[..., None] = getattr(self, "get_" + name)
        answer(*map(float, numbers))

    def do_POST(self) -> None:
        self._send(self.rfile.read(int(self.headers["Content-Length"])))

    def get_slow(self, seconds: float) -> None:
        time.sleep(seconds)
        self._send(b"slow")

    def get_large(self, size: float) -> None:
        self._send(b"x" * int(size))

    def get_stream(self, count: float, size: float, seconds: float) -> None:
        """Pieces with a pause before each."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(count)):
            time.sleep(seconds)
            self.wfile.write(b"%x\r\n%s\r\n" % (int(size), b"x" * int(size)))
        self.wfile.write(b"0\r\n\r\n")

    def get_break(self, seconds: float) -> None:
        """No answer, but the end of the connection."""
        time.sleep(seconds)
        self.close_connection = True

    def get_error(self) -> None:
        self.send_error(503)

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are part of the tests."""


def main(certificate: str, key: str, ports: str) -> None:
    plain, secure = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is for the connection's own thread: it comes with the first read.
    secure.socket = context.wrap_socket(
        secure.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    Path(ports).write_text("%d %d\n" % (plain.server_port, secure.server_port))
    plain.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
