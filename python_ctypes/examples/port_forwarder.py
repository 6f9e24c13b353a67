#!/usr/bin/env python3
"""Hands connections on to another address: port_forwarder.py LISTEN-PORT HOST PORT

Two green threads for each connection, one for each direction. When one side has said all, the other
is told so and may go on.
"""

import socket
import sys
from functools import partial
from typing import Tuple

import greenhub


def copy(source: socket.socket, target: socket.socket) -> None:
    """Until the source has said all, or either is gone."""
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # The other direction would wait for one who is gone.
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def forward(address: Tuple[str, int], client: socket.socket, _: object) -> None:
    try:
        server = socket.create_connection(address, timeout=10)
    except OSError as error:
        print("cannot reach %s:%d: %s" % (*address, error), file=sys.stderr)
        return
    with server:
        server.settimeout(None)
        back = greenhub.spawn(copy, server, client)
        copy(client, server)
        back.wait()


def main() -> None:
    greenhub.monkey_patch()
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    port, host, target = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    listener = greenhub.listen(("127.0.0.1", port))
    print("listening on %s:%d" % listener.getsockname(), flush=True)
    try:
        greenhub.serve(listener, partial(forward, (host, target)))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
