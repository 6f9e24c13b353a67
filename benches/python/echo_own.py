"""An echo server on greenhub's own sockets, a green thread for each connection, in a program that patches nothing.

echo_own.py [--busy]: prints its port, and serves until its standard input is closed.
"""

import aside

aside.start()

import greenhub  # noqa: E402
from answer import answer  # noqa: E402

listener = greenhub.listen(("127.0.0.1", 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
while True:
    greenhub.spawn_n(answer, listener.accept()[0])
