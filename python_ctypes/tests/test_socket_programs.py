"""Own sockets in whole programs, which patch nothing, or everything."""

import unittest

from support import run_python

# What is true of an unpatched program, and of a patched one: nobody blocks the OS thread.
TOGETHER = """\
import sys, time
import greenhub
from greenhub import socket
if sys.argv[1] == "patched":
    greenhub.monkey_patch()

def slow(connection, address):
    with connection.makefile("rwb") as file:
        line = file.readline()
        greenhub.sleep(0.1)
        file.write(line)

def call(number):
    connection = socket.create_connection(server.getsockname())
    with connection, connection.makefile("rb") as file:
        connection.sendall(b"%d\\n" % number)
        assert file.readline() == b"%d\\n" % number

server = greenhub.listen(("127.0.0.1", 0))
serving = greenhub.spawn(greenhub.serve, server, slow)
begin = time.monotonic()
for thread in [greenhub.spawn(call, number) for number in range(50)]:
    thread.wait()
print("together" if time.monotonic() - begin < 3 else "one by one")
"""

FORKED = """\
import os, sys
import greenhub
from greenhub import socket
if sys.argv[1] == "patched":
    greenhub.monkey_patch()

server = greenhub.listen(("127.0.0.1", 0))
mine, other = socket.socketpair()
reader = greenhub.spawn(mine.recv, 9)
greenhub.sleep(0.01)
child = os.fork()
if child == 0:
    connection, _ = server.accept()
    connection.sendall(connection.recv(9) + b" of the child")
    other.sendall(b"to the parent")
    os._exit(0)
client = greenhub.connect(server.getsockname())
client.sendall(b"hello")
text = client.recv(99)
print(text.decode(), "and", reader.wait().decode())
assert os.waitpid(child, 0)[1] == 0
"""


# However a mode is changed, the next call of the standard library's goes by it.
MODES = """\
import os, socket
import greenhub
greenhub.monkey_patch()

def pair():
    # Waited for often enough for everything to be known of it.
    mine, other = socket.socketpair()
    reader = greenhub.spawn(lambda: [mine.recv(9) for _ in range(3)])
    for _ in range(3):
        greenhub.sleep(0.001)
        other.send(b"x")
    reader.wait()
    return mine, other

def waits(sock):
    try:
        with greenhub.Timeout(0.05):
            sock.recv(1)
    except BlockingIOError:
        return False
    except greenhub.Timeout:
        return True

def by_child(sock):
    child = os.fork()
    if child == 0:
        os.set_blocking(sock.fileno(), False)
        os._exit(0)
    os.waitpid(child, 0)

def by_another_number(sock):
    os.set_blocking(os.dup(sock.fileno()), False)

ways = (
    lambda sock: sock.setblocking(False),
    lambda sock: os.set_blocking(sock.fileno(), False),
    lambda sock: sock.dup().setblocking(False),
    by_another_number,
    by_child,
)
for way in ways:
    mine, other = pair()
    print(waits(mine), end=" ")
    way(mine)
    print(waits(mine), end=" ")
    os.set_blocking(mine.fileno(), True)
    print(waits(mine))
    number = mine.fileno()
    mine.close()
    other.close()
    mine, other = socket.socketpair()
    assert number in (mine.fileno(), other.fileno())
    for sock in (mine, other):
        sock.setblocking(False)
        assert not waits(sock)
        sock.close()
"""


class Programs(unittest.TestCase):
    def test_a_mode_holds_for_the_next_call_however_it_was_changed(self):
        done = run_python(MODES)
        self.assertEqual((done.stdout, done.stderr), ("True False True\n" * 5, ""))

    def test_slow_calls_take_their_time_together_patched_or_not(self):
        for how in ("unpatched", "patched"):
            done = run_python(TOGETHER, how)
            self.assertEqual((done.stdout, done.stderr), ("together\n", ""), how)

    def test_a_child_of_fork_goes_on_with_its_sockets(self):
        for how in ("unpatched", "patched"):
            done = run_python(FORKED, how)
            expected = "hello of the child and to the pa"
            self.assertEqual(done.stdout.split("\n")[0][: len(expected)], expected, done.stderr)

    def test_what_is_sent_when_the_interpreter_ends_is_sent(self):
        program = """\
import atexit
def last():
    mine.sendall(b"last words")
    print(other.recv(99).decode())
atexit.register(last)
from greenhub import socket
mine, other = socket.socketpair()
mine.settimeout(5)
"""
        done = run_python(program)
        self.assertEqual((done.stdout, done.stderr), ("last words\n", ""))

    def test_a_thread_that_waits_to_receive_holds_no_buffer(self):
        program = """\
import os, greenhub
from greenhub import socket
pairs = [socket.socketpair() for _ in range(300)]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
for mine, _ in pairs[:50]:
    greenhub.spawn(mine.recv, 65536)
greenhub.sleep(0.01)
before = resident()
for mine, _ in pairs[50:]:
    greenhub.spawn(mine.recv, 65536)
greenhub.sleep(0.01)
print((resident() - before) // 250)
"""
        done = run_python(program)
        self.assertLess(int(done.stdout), 20_000, done.stderr)


if __name__ == "__main__":
    unittest.main()
