#!/usr/bin/env python3
"""A chat for who connects by telnet or nc: chat_server.py [PORT [BACKDOOR]]

The first line that somebody sends is his name. Everybody has a green thread that reads, and one
that writes from a queue: one who reads nothing fills his queue and is dropped, and nobody waits for
him. With a path for a backdoor, ``socat READLINE UNIX-CONNECT:path`` gives a prompt in which
``people`` are the people.
"""

import socket
import sys
from typing import Dict

import greenhub
from greenhub import backdoor

IDLE = 600


class Person:
    """One who has said his name."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        self.name = name
        self.queue: greenhub.Queue[str] = greenhub.Queue(100)
        self.connection = connection
        self.writer = greenhub.spawn(self.write)

    def write(self) -> None:
        try:
            while True:
                self.connection.sendall(self.queue.get().encode())
        except OSError:
            # Whoever reads from him learns of it, too.
            pass

    def tell(self, line: str) -> None:
        try:
            self.queue.put_nowait(line)
        except greenhub.queue.Full:
            # Ends his reader's wait, and with it all of him.
            self.connection.shutdown(socket.SHUT_RDWR)


people: Dict[str, Person] = {}


def tell_others(who: str, line: str) -> None:
    for person in list(people.values()):
        if person.name != who:
            person.tell(line)


def talk(connection: socket.socket, address: object) -> None:
    with connection.makefile("r", encoding="utf-8", errors="replace") as lines:
        connection.sendall(b"Your name? ")
        with greenhub.Timeout(IDLE, False):
            name = lines.readline().strip()
            if not name or name in people:
                connection.sendall(b"Not that one.\n")
                return
            person = people[name] = Person(name, connection)
            tell_others(name, "* %s is here\n" % name)
            try:
                for line in lines:
                    tell_others(name, "%s: %s\n" % (name, line.rstrip("\n")))
            except OSError:
                # The connection is gone, or was shut down.
                pass
            finally:
                del people[name]
                person.writer.kill()
                tell_others(name, "* %s has left\n" % name)


def main() -> None:
    greenhub.monkey_patch()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7000
    if len(sys.argv) > 2:
        door = backdoor.listen(sys.argv[2])
        greenhub.spawn(backdoor.backdoor_server, door, {"people": people})
    listener = greenhub.listen(("127.0.0.1", port))
    print("listening on %s:%d" % listener.getsockname(), flush=True)
    try:
        greenhub.serve(listener, talk)
    except KeyboardInterrupt:
        print("bye")


if __name__ == "__main__":
    main()
