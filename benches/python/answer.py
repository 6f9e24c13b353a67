"""What an echo server does with a connection. To be imported after a patch, as any program of these libraries."""

import socket


def answer(connection):
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            data = connection.recv(4096)
            if not data:
                break
            connection.sendall(data)
    except ConnectionResetError:
        # How the load closes.
        pass
    finally:
        connection.close()
