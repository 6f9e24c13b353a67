"""What grows, and what ends: many threads, deep calls, several OS threads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
import unittest

from children import Program, run_all
from support import missing, run_python

MEMORY = """
import gc, os, resource, sys
import greenhub

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024

class Failed(Exception):
    pass

def fails():
    raise Failed

def ends():
    greenhub.spawn(int).wait()

def fails_and_is_waited_for():
    try:
        greenhub.spawn(fails).wait()
        raise AssertionError("no exception")
    except Failed:
        pass

def fails_alone():
    greenhub.spawn_n(fails)
    greenhub.sleep(0)
    greenhub.sleep(0)

def is_killed_before_it_starts():
    greenhub.spawn(greenhub.sleep, 100).kill()

def is_killed():
    thread = greenhub.spawn(greenhub.sleep, 100)
    greenhub.sleep(0)
    thread.kill()
    assert thread.dead

def with_timeout():
    def limited():
        with greenhub.Timeout(100):
            greenhub.sleep(0)
    greenhub.spawn(limited).wait()

def times_out():
    def limited():
        with greenhub.Timeout(0, False):
            greenhub.sleep(100)
    greenhub.spawn(limited).wait()

def is_linked():
    thread = greenhub.spawn(int)
    thread.link(lambda thread: None)
    greenhub.sleep(0)

reported = []
greenhub.set_excepthook(lambda name, error: reported.append(1) if len(reported) < 10 else None)
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
for function in [ends, fails_and_is_waited_for, fails_alone, is_killed, is_killed_before_it_starts,
        with_timeout, times_out, is_linked]:
    for _ in range(COUNT // 3):
        function()
    before = resident()
    for _ in range(COUNT):
        function()
    grown = resident() - before
    # A thread that left one object behind would leave some hundred bytes.
    assert grown < 100 + COUNT // 10, (function.__name__, grown)

def at_once():
    threads = [greenhub.spawn(greenhub.sleep, 0.01) for _ in range(COUNT)]
    greenhub.joinall(threads)
at_once()
at_once()
before = resident()
at_once()
assert resident() - before < 1000 + COUNT, resident() - before
assert len(reported) == 10
"""

RECURSION = """
import functools, json, re, sys, threading
import greenhub

class Attribute:
    def __getattr__(self, name):
        return getattr(self, name + "x")

class Represented:
    def __repr__(self):
        return repr([self])

class Compared:
    def __lt__(self, other):
        return sorted([self, other]) == []
    __eq__ = __hash__ = None

class Called:
    def __call__(self):
        return functools.partial(self)()

class Converted:
    def __str__(self):
        return "%s" % self

class Iterated:
    def __iter__(self):
        return iter(list(self))

class Encoded(json.JSONEncoder):
    def default(self, thing):
        return [thing]

def calls():
    return calls() + 1

def maps(number=0):
    return list(map(maps, [number]))

def replaces(match=None):
    return re.sub("a", replaces, "a")

def nests_lists():
    nested = []
    for _ in range(200_000):
        nested = [nested]
    try:
        repr(nested)
    finally:
        # Its end is as deep, and must not recurse.
        del nested

def loads():
    json.loads("[" * 200_000)

def has_generators():
    yield from has_generators()

DEEP = [
    calls, maps, replaces, nests_lists, loads, lambda: list(has_generators()),
    lambda: Attribute().name, lambda: repr(Represented()), lambda: sorted([Compared(), Compared()]),
    lambda: Called()(), lambda: str(Converted()), lambda: list(Iterated()),
    lambda: Encoded(check_circular=False).encode(object()),
]

def goes_deep(function):
    try:
        function()
    except RecursionError:
        greenhub.sleep(0)
        return True
    return False

def all_of_them(times):
    threads = [(function, greenhub.spawn(goes_deep, function)) for function in DEEP * times]
    for function, thread in threads:
        assert thread.wait(), function

def waits_deep(depth):
    '''All of them are down there at a time.'''
    if depth == 0:
        greenhub.sleep(0.01)
        return 0
    return waits_deep(depth - 1) + 1

all_of_them(3)
threads = [greenhub.spawn(waits_deep, 400) for _ in range(50)]
assert [thread.wait() for thread in threads] == [400] * 50
if sys.argv[1:]:
    greenhub.monkey_patch()
    all_of_them(1)
    thread = threading.Thread(target=all_of_them, args=(1,))
    thread.start()
    thread.join()
print("end")
"""

OS_THREADS = """
import queue, threading, time
import greenhub
from greenhub._threads import start_os_thread

PATCH
COUNT, THREADS = 300, 4
requests, answers = greenhub.Queue(), greenhub.Queue(10)
plain, started = queue.Queue(), queue.SimpleQueue()
lock = greenhub.Semaphore(1)
inside = [0]

def green(which):
    '''Takes work from all, gives it back to all.'''
    for _ in range(COUNT // 3):
        number, event = requests.get()
        with lock:
            inside[0] += 1
            assert inside[0] == 1
            greenhub.sleep(0)
            inside[0] -= 1
        event.send(number + 1)
        answers.put((which, number))

def has_a_hub(which):
    threads = [greenhub.spawn(green, which) for _ in range(3)]
    sleeper = greenhub.spawn(greenhub.sleep, 100)
    started.put((which, sleeper))
    greenhub.joinall(threads)
    try:
        sleeper.wait()
    except KeyError as error:
        plain.put((which, error.args))

for which in range(THREADS):
    start_os_thread(has_a_hub, (which,))
sleepers = dict(started.get() for _ in range(THREADS))

def asks(number):
    event = greenhub.Event()
    requests.put((number, event))
    return event.wait()

askers = [greenhub.spawn(asks, number) for number in range(COUNT * THREADS)]
got = [answers.get() for _ in askers]
assert sorted(number for _, number in got) == list(range(COUNT * THREADS))
assert [asker.wait() for asker in askers] == [number + 1 for number in range(COUNT * THREADS)]
for which, sleeper in sleepers.items():
    sleeper.kill(KeyError(which))
ends = [plain.get() for _ in sleepers]
assert sorted(ends) == [(which, (which,)) for which in range(THREADS)], ends
# Of those that have ended, too: an answer at once.
for which, sleeper in sleepers.items():
    try:
        sleeper.wait()
    except KeyError as error:
        assert error.args == (which,)
print("end")
"""

#: What a free-threaded CPython says of itself, by which the library knows one.
FREE_THREADED = """
const char *Py_GetVersion(void) {
    return "3.13.0 experimental free-threading build (main, Oct  7 2024, 00:00:00) [GCC 14]";
}
"""

IMPORT = """
try:
    import greenhub
except ImportError as error:
    print(error)
"""


class Limits(unittest.TestCase):
    def check(self, *programs):
        for outcome in run_all(programs):
            with self.subTest(outcome.name):
                self.assertEqual((outcome.status, outcome.err), (0, ""), outcome.out)

    def test_memory_does_not_grow_with_threads_that_have_ended(self):
        self.check(Program("memory", MEMORY))

    def test_deep_recursion_is_an_exception_everywhere(self):
        patched = RECURSION.replace("sys.argv[1:]", "True")
        self.check(Program("recursion", RECURSION), Program("recursion_patched", patched))

    def test_several_os_threads_share_queues_events_and_semaphores(self):
        self.check(
            Program("os_threads", OS_THREADS.replace("PATCH", "")),
            Program("os_threads_patched", OS_THREADS.replace("PATCH", "greenhub.monkey_patch()")),
        )

    def test_a_free_threaded_build_is_told_that_it_cannot_be_served(self):
        if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
            # Nothing can stand in for what the executable itself has.
            self.skipTest("needs an interpreter in a shared library")
        compiler = shutil.which("cc") or missing("C compiler")
        with tempfile.TemporaryDirectory() as folder:
            library = os.path.join(folder, "version.so")
            command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", library]
            subprocess.run(command, input=FREE_THREADED.encode(), check=True)
            done = run_python(IMPORT, LD_PRELOAD=library)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("a free-threaded build does not have", done.stdout)


if __name__ == "__main__":
    unittest.main()
