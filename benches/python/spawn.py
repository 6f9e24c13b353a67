"""One green thread after the other, each waited for.

spawn.py LIBRARY SECONDS: prints one line of JSON, nanoseconds for each.
"""

import json
import sys
import time

from libraries import Library

BATCH = 1000

library, seconds = Library(sys.argv[1]), float(sys.argv[2])
spawn = library.spawn


def double(number):
    return number + number


def wait(count):
    total = 0
    for number in range(count):
        total += spawn(double, number).wait()
    return total


def get(count):
    """The same under gevent's name."""
    total = 0
    for number in range(count):
        total += spawn(double, number).get()
    return total


spawn_and_join = get if sys.argv[1] == "gevent" else wait
spawn_and_join(BATCH)
count = elapsed = 0
begin = time.perf_counter()
while elapsed < seconds:
    if spawn_and_join(BATCH) != BATCH * (BATCH - 1):
        sys.exit("a result was lost")
    count += BATCH
    elapsed = time.perf_counter() - begin
print(json.dumps({"ns": elapsed * 1e9 / count, "spawned": count}))
