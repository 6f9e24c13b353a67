"""Kills that a green thread survives, and how long each takes until it has been handled.

kill.py WHERE SECONDS: prints one line of JSON, nanoseconds for each. WHERE the thread waits is `beneath`, in a
`recv` of the standard library's after monkey_patch, or `ours`, in a sleep of greenhub's. With `there` nobody is
killed: bytes wake many such threads, so that the hub asks the kernel once for all of them, and each raises the same
exception itself.
"""

import json
import sys
import time

import greenhub

greenhub.monkey_patch()

import socket  # noqa: E402

BATCH = 100

where, seconds = sys.argv[1], float(sys.argv[2])
silent, peer = socket.socketpair()
caught = 0


class Enough(Exception):
    """What it is killed by."""


def wait_beneath():
    global caught
    while True:
        try:
            silent.recv(1)
        except Enough:
            caught += 1


def raise_there(own):
    global caught
    while True:
        try:
            own.recv(1)
            raise Enough()
        except Enough:
            caught += 1


def wait_for_us():
    global caught
    while True:
        try:
            greenhub.sleep(100000)
        except Enough:
            caught += 1


def kill(count):
    for _ in range(count):
        victim.kill(Enough())


def wake(count):
    wanted = caught + count
    for near, _ in pairs[:count]:
        near.send(b"a")
    while caught < wanted:
        greenhub.sleep(0)


pairs = []
if where == "there":
    disturb = wake
    pairs = [socket.socketpair() for _ in range(BATCH)]
    for _, far in pairs:
        greenhub.spawn(raise_there, far)
else:
    disturb = kill
    victim = greenhub.spawn({"beneath": wait_beneath, "ours": wait_for_us}[where])
greenhub.sleep(0)
disturb(BATCH)
count = caught = elapsed = 0
begin = time.perf_counter()
while elapsed < seconds:
    disturb(BATCH)
    count += BATCH
    elapsed = time.perf_counter() - begin
if caught != count:
    sys.exit("%d of %d kills have arrived" % (caught, count))
print(json.dumps({"ns": elapsed * 1e9 / count, "kills": count}))
