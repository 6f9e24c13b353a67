"""An echo server in plain `socket` code, a green thread for each connection, patched by one library or another.

echo_patched.py LIBRARY [--busy]: prints its port, and serves until its standard input is closed.
"""

import aside

library = aside.start("greenhub", "gevent", "eventlet")

if library == "greenhub":
    import greenhub

    greenhub.monkey_patch()
    spawn = greenhub.spawn_n
elif library == "gevent":
    import gevent.monkey

    gevent.monkey.patch_all()
    spawn = gevent.spawn
else:
    import eventlet

    eventlet.monkey_patch()
    spawn = eventlet.spawn_n

# As in any program of these libraries: after the patch.
import socket  # noqa: E402

from answer import answer  # noqa: E402

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(4096)
print(listener.getsockname()[1], flush=True)
while True:
    spawn(answer, listener.accept()[0])
