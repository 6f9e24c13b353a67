"""One green thread after the other, each waited for.

spawn.py LIBRARY COUNT: prints one line of JSON, nanoseconds for each.
"""

import json
import sys
import time

from libraries import Library

library, count = Library(sys.argv[1]), int(sys.argv[2])
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
spawn_and_join(count // 10)
begin = time.perf_counter()
total = spawn_and_join(count)
elapsed = time.perf_counter() - begin
if total != count * (count - 1):
    sys.exit("a result was lost")
print(json.dumps({"ns": elapsed * 1e9 / count}))
