"""What a green thread that waits has of the process's memory.

memory.py LIBRARY WHAT COUNT: prints one line of JSON, KiB each, resident and in page tables. WHAT is `sleep`;
`used`, which has run json and regular expressions before it sleeps; `recv`, in plain `socket` code that is patched;
`own`, in greenhub's own sockets.
"""

import gc
import json
import os
import re
import sys

from libraries import Library

library, what, count = Library(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if what == "recv":
    library.patch()
if what == "own":
    from greenhub import socket
else:
    import socket

DOCUMENT = {"name": "a document", "list": list(range(50)), "nested": {"text": "some words " * 5, "none": None}}
EVER = 100000
# Seconds, long enough for what a library does of memory that threads do not use while they wait.
SETTLE = 1.0
begun = 0


def begins():
    global begun
    begun += 1


def sleep(_):
    begins()
    library.sleep(EVER)


def work():
    document = json.loads(json.dumps(DOCUMENT))
    words = re.findall(r"(\w+)\s", document["nested"]["text"])
    upper = re.sub(r"\w+", lambda found: found.group(0).upper(), " ".join(words))
    if not re.match(r"(SOME|WORDS| )*$", upper):
        sys.exit("a wrong result: " + upper)


def use(_):
    work()
    begins()
    library.sleep(EVER)


def receive(connection):
    begins()
    connection.recv(4096)


def resident():
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [int(fields[name].split()[0]) for name in ("VmRSS", "VmPTE")]


def spawn_all(arguments):
    threads = [library.spawn(function, argument) for argument in arguments]
    while begun < len(arguments):
        library.sleep(0)
    library.sleep(SETTLE)
    return threads


function = {"sleep": sleep, "used": use}.get(what, receive)
pairs = [socket.socketpair() for _ in range(count + 10)] if function is receive else None
arguments = [pair[0] for pair in pairs] if pairs else [None] * (count + 10)
# What the first ones bring is not theirs alone.
first = spawn_all(arguments[:10])
begun = 0
gc.collect()
before = resident()
threads = spawn_all(arguments[10:])
gc.collect()
after = resident()
kib, tables = [(now - then) / count for now, then in zip(after, before)]
print(json.dumps({"kib": kib, "tables_kib": tables}), flush=True)
# Nobody wants the ends of thousands of threads.
os._exit(0)
