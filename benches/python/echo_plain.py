"""The echo server of the figures, with the standard library's sockets under `monkey_patch`.

Binds 127.0.0.1:0, prints the port, and serves until its standard input is closed. With --busy an
OS thread of Python's computes all the while.
"""

import socket
import sys
import threading

import greenhub


def compute():
    while True:
        pass


def echo(connection):
    try:
        while True:
            data = connection.recv(1024)
            if not data:
                return
            connection.sendall(data)
    except ConnectionResetError:
        # How the load ends.
        return


def serve(listener):
    while True:
        greenhub.spawn_n(echo, listener.accept()[0])


if __name__ == "__main__":
    if "--busy" in sys.argv:
        threading.Thread(target=compute, daemon=True).start()
    greenhub.monkey_patch()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    greenhub.spawn_n(serve, listener)
    sys.stdin.read()
