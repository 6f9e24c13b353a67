"""Ctrl-C, whatever the main code waits for: KeyboardInterrupt there, and at once."""

from __future__ import annotations

import unittest

from children import Program, run_all

#: A child sends SIGINT on a word that a green thread gives it: so it comes while main waits.
HEAD = """
import os, signal, sys, time
import greenhub

reader, writer = os.pipe()
parent = os.getpid()
child = os.fork()
if child == 0:
    os.close(writer)
    while os.read(reader, 1):
        time.sleep(0.01)
        os.kill(parent, signal.SIGINT)
    os._exit(0)
os.close(reader)

def interrupted(name, call, *args):
    '''Makes a call that nothing else ends, and has it interrupted.'''
    times = []
    def ask():
        times.append(time.monotonic())
        os.write(writer, b"x")
    greenhub.spawn_n(ask)
    try:
        call(*args)
    except KeyboardInterrupt:
        took = time.monotonic() - times[0]
        assert took < BOUND, (name, took)
    else:
        raise AssertionError(name + " was not interrupted")
    # Nothing is left over for the next wait.
    greenhub.sleep(0.001)

others = []
def others_wait(*calls):
    '''They are not interrupted in main's place.'''
    def waits(call):
        try:
            call()
        except BaseException as error:
            others.append(error)
    for call in calls:
        greenhub.spawn_n(waits, call)
    greenhub.sleep(0.01)
"""

#: A second, as the issue has it, and room for a machine that does other things.
BOUND = "BOUND = 5.0\n"

OWN = """
others_wait(lambda: greenhub.sleep(100), greenhub.Event().wait)

event, queue, full = greenhub.Event(), greenhub.Queue(), greenhub.Queue(1)
full.put(1)
semaphore, pool = greenhub.Semaphore(0), greenhub.GreenPool(1)
endless = pool.spawn(greenhub.sleep, 100)

def yields():
    while True:
        greenhub.sleep(0)

def with_timeout():
    with greenhub.Timeout(50):
        greenhub.sleep(100)

for name, call, *args in [
    ("sleep", greenhub.sleep, 100), ("event", event.wait), ("get", queue.get),
    ("get for a time", queue.get, True, 50), ("put", full.put, 2), ("semaphore", semaphore.acquire),
    ("wait for a thread", endless.wait), ("pool", pool.spawn, int), ("all of a pool", pool.waitall),
    ("timeout", with_timeout), ("yield", yields), ("tpool", greenhub.tpool.execute, time.sleep, 2),
    ("joinall", greenhub.joinall, [endless]),
]:
    interrupted(name, call, *args)
assert not others, others
os._exit(0)
"""

PATCHED = """
import queue, select, selectors, socket, ssl, subprocess, threading
greenhub.monkey_patch()

near, far = socket.socketpair()
timed, peer = socket.socketpair()
timed.settimeout(50)
listener = socket.create_server(("127.0.0.1", 0))
pipe = os.pipe()
lock, event, semaphore = threading.Lock(), threading.Event(), threading.Semaphore(0)
items, simple, condition = queue.Queue(), queue.SimpleQueue(), threading.Condition()
lock.acquire()
reentrant = threading.RLock()

def holds():
    with reentrant:
        time.sleep(100)

others_wait(
    lambda: time.sleep(100), holds, lambda: near.recv(1), lock.acquire, event.wait, listener.accept,
    lambda: select.select([near], [], []),
)
thread = threading.Thread(target=time.sleep, args=(100,), daemon=True)
thread.start()

def polls():
    poll = select.poll()
    poll.register(near, select.POLLIN)
    poll.poll()

def epolls():
    with select.epoll() as poll:
        poll.register(near, select.EPOLLIN)
        poll.poll()

def selects():
    with selectors.DefaultSelector() as selector:
        selector.register(near, selectors.EVENT_READ)
        selector.select()

def sends():
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"x" * 10**7)

def waits():
    with condition:
        condition.wait()

def enters():
    with lock:
        raise AssertionError("entered")

def child_process():
    with subprocess.Popen(["sleep", "100"]) as process:
        try:
            process.wait()
        finally:
            process.kill()

def shakes_hands():
    one, other = socket.socketpair()
    with one, other:
        context = ssl.create_default_context()
        context.wrap_socket(one, server_hostname="localhost")

def loops():
    import asyncio
    asyncio.run(asyncio.sleep(100))

for name, call, *args in [
    ("sleep", time.sleep, 100), ("recv", near.recv, 1), ("recv for a time", timed.recv, 1),
    ("recv_into", near.recv_into, bytearray(3)), ("accept", listener.accept), ("polls", polls),
    ("select", select.select, [near], [], []), ("select for a time", select.select, [], [], [], 50),
    ("epolls", epolls), ("selector", selects), ("sendall", sends), ("read", os.read, pipe[0], 1),
    ("lock", lock.acquire), ("lock for a time", lock.acquire, True, 50), ("with lock", enters),
    ("event", event.wait), ("event for a time", event.wait, 50), ("semaphore", semaphore.acquire),
    ("get", items.get), ("get for a time", items.get, True, 50), ("simple", simple.get),
    ("condition", waits), ("reentrant", reentrant.acquire), ("join", thread.join),
    ("child", child_process), ("run", subprocess.run, ["sleep", "100"]), ("ssl", shakes_hands),
    ("asyncio", loops),
]:
    interrupted(name, call, *args)
assert not others, others
os._exit(0)
"""

#: Nothing waits here. Up to 3.12 the interpreter looks for signals in any code of its main thread;
#: from 3.13 on in that of one thread state, which is the root's.
COMPUTES = """
def computes():
    while True:
        pass

greenhub.spawn_n(greenhub.sleep, 100)
os.write(writer, b"x")
try:
    computes()
except KeyboardInterrupt:
    print("interrupted", flush=True)
try:
    signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
except ValueError as error:
    print(error)
os.kill(os.getpid(), signal.SIGUSR1)
greenhub.sleep(0.01)
os._exit(0)
"""

MAIN = ("-m", "greenhub")


class Interrupts(unittest.TestCase):
    def test_every_wait_of_main_ends_within_a_second(self):
        programs = [
            Program("own", HEAD + BOUND + OWN),
            Program("patched", HEAD + BOUND + PATCHED),
            Program("own_main", HEAD + BOUND + OWN, MAIN),
            Program("patched_main", HEAD + BOUND + PATCHED, MAIN),
            Program("computes", HEAD + COMPUTES),
            Program("computes_patched", HEAD + "greenhub.monkey_patch()\n" + COMPUTES),
        ]
        for outcome in run_all(programs):
            with self.subTest(outcome.name):
                self.assertEqual((outcome.status, outcome.err), (0, ""), outcome.out)


if __name__ == "__main__":
    unittest.main()
