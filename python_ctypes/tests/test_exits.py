"""Every way in which a program can end while green threads live: its status, and what it says."""

from __future__ import annotations

import os
import re
import textwrap
import unittest

from children import Program, run_all

#: Green threads in waits of all kinds, which nobody ever ends.
LIVE = """
import atexit, os, signal, sys, threading, time
import greenhub
from greenhub._threads import start_os_thread

def loops():
    while True:
        greenhub.sleep(0.001)

def waits_forever(generator=None):
    try:
        greenhub.sleep(100)
    finally:
        print("never", flush=True)

class Blocks:
    # Kept to the end: each wait either is one, or is refused.
    def __del__(self):
        for wait in (lambda: greenhub.sleep(0.01), lambda: greenhub.spawn(loops),
                lambda: queue.get(timeout=0.01), lambda: sleeps(0.01),
                lambda: lock.acquire(timeout=0.01)):
            try:
                wait()
            except RuntimeError:
                pass

queue, sleeps, lock = greenhub.Queue(), time.sleep, threading.Lock()
kept = Blocks()
sys.modules["kept_longer"] = Blocks()
lock.acquire()
greenhub.spawn_n(loops)
threads = [greenhub.spawn(waits_forever), greenhub.spawn(queue.get)]
"""

PATCHED = """
import select, socket
greenhub.monkey_patch()
near, far = socket.socketpair()
child = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "100")
for call in [lambda: time.sleep(100), lambda: near.recv(1), lock.acquire, threading.Event().wait,
        lambda: select.select([near], [], []), lambda: os.waitpid(child, 0)]:
    threads.append(greenhub.spawn(call))
threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
"""

#: So that all of them wait.
BEGUN = """
greenhub.sleep(0.01)
"""

TRACEBACK = r"Traceback \(most recent call last\):\n(  .*\n)+"

#: How a program ends; with what status; what it prints; a pattern of what it writes to stderr.
ENDINGS = {
    "the end": ("print('end')", 0, "end\n", ""),
    "sys.exit": ("sys.exit(3)", 3, "", ""),
    "sys.exit with a text": ("sys.exit('text')", 1, "", "text\n"),
    "sys.exit in a green thread": (
        """
        greenhub.spawn(sys.exit, 3)
        try:
            greenhub.sleep(100)
        finally:
            print("finally")
        """,
        3,
        "finally\n",
        "",
    ),
    "sys.exit in an OS thread ends that alone": (
        """
        over = greenhub.Event()
        def exits():
            try:
                sys.exit(3)
            finally:
                over.send()
        start_os_thread(exits, ())
        over.wait()
        print("goes on")
        """,
        0,
        "goes on\n",
        "",
    ),
    "os._exit": ("os._exit(4)", 4, "", ""),
    "os._exit in a green thread": (
        "greenhub.spawn(os._exit, 4)\ngreenhub.sleep(100)",
        4,
        "",
        "",
    ),
    "os.abort": ("os.abort()", -6, "", ""),
    "an exception": ("1 / 0", 1, "", TRACEBACK + "ZeroDivisionError: division by zero\n"),
    "an exception in a green thread is only told of": (
        """
        def fails():
            1 / 0
        greenhub.spawn_n(fails)
        greenhub.sleep(0.01)
        print("goes on")
        """,
        0,
        "goes on\n",
        "Exception in green thread fails-[0-9]+:\n"
        + TRACEBACK
        + "ZeroDivisionError: division by zero\n",
    ),
    "atexit handlers that wait and spawn": (
        """
        def waits():
            greenhub.sleep(0.01)
            time.sleep(0.01)
            items = greenhub.Queue()
            greenhub.spawn(items.put, "item")
            print(items.get(), greenhub.spawn(int, "7").wait())
        atexit.register(waits)
        """,
        0,
        "item 7\n",
        "",
    ),
    "an atexit handler that came before greenhub waits as well": (
        """
        def waits():
            greenhub.sleep(0.01)
            print(greenhub.spawn(int, "7").wait())
        import greenhub
        # It is called after all that were registered since.
        handlers.append(waits)
        """,
        0,
        "7\n",
        "",
    ),
    "an atexit handler that fails": (
        "atexit.register(lambda: 1 / 0)\nprint('end')",
        0,
        "end\n",
        r"(.*\n)*" + TRACEBACK + "ZeroDivisionError: division by zero\n",
    ),
    "OS threads with hubs of their own go on": (
        """
        begun = []
        def has_a_hub():
            for _ in range(10):
                greenhub.spawn(loops)
            begun.append(1)
            while True:
                greenhub.sleep(0.0001)
        for _ in range(3):
            start_os_thread(has_a_hub, ())
        while len(begun) < 3:
            greenhub.sleep(0.001)
        greenhub.sleep(0.01)
        """,
        0,
        "",
        "",
    ),
    "OS threads with hubs compute": (
        """
        begun = []
        def computes():
            while True:
                sum(range(1000))
                greenhub.sleep(0)
        def has_a_hub():
            greenhub.spawn(computes)
            begun.append(1)
            computes()
        for _ in range(2):
            start_os_thread(has_a_hub, ())
        while len(begun) < 2:
            greenhub.sleep(0.001)
        greenhub.sleep(0.01)
        """,
        0,
        "",
        "",
    ),
    "a signal's handler": (
        """
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(5))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        greenhub.sleep(100)
        """,
        5,
        "",
        "",
    ),
    "a signal's handler, called while a green thread runs": (
        """
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(5))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        def yields():
            while True:
                greenhub.sleep(0)
        greenhub.spawn(yields).wait()
        """,
        5,
        "",
        "",
    ),
    "SIGTERM": (
        """
        os.kill(os.getpid(), signal.SIGTERM)
        greenhub.sleep(100)
        """,
        -15,
        "",
        "",
    ),
    "SIGINT": (
        """
        greenhub.spawn(os.kill, os.getpid(), signal.SIGINT)
        greenhub.sleep(100)
        """,
        -2,
        "",
        TRACEBACK + "KeyboardInterrupt\n",
    ),
    "in the middle of a Timeout": (
        """
        limit = greenhub.Timeout(50)
        sys.exit(6)
        """,
        6,
        "",
        "",
    ),
    "main waits for a thread that fails": (
        """
        def fails():
            greenhub.sleep(0.01)
            raise KeyError("this")
        greenhub.spawn(fails).wait()
        """,
        1,
        "",
        TRACEBACK + "KeyError: 'this'\n",
    ),
    "main is killed": (
        """
        main = greenhub.getcurrent()
        greenhub.spawn(lambda: main.kill(KeyError("killed")))
        greenhub.sleep(100)
        """,
        1,
        "",
        TRACEBACK + "KeyError: 'killed'\n",
    ),
}

#: Those that need what `monkey_patch` does.
PATCHED_ENDINGS = {
    "threads that are no daemons are waited for": (
        """
        def ends():
            time.sleep(0.05)
            print("ended")
        threading.Thread(target=ends).start()
        print("end")
        """,
        0,
        "end\nended\n",
        "",
    ),
    "one that is no daemon starts another": (
        """
        def starts():
            time.sleep(0.02)
            threading.Thread(target=ends).start()
        def ends():
            time.sleep(0.02)
            print("ended")
        threading.Thread(target=starts).start()
        sys.exit(3)
        """,
        3,
        "ended\n",
        "",
    ),
    "sys.exit in a thread of threading ends that alone": (
        """
        thread = threading.Thread(target=sys.exit, args=(3,))
        thread.start()
        thread.join()
        print("goes on")
        """,
        0,
        "goes on\n",
        "",
    ),
    "a thread of threading fails": (
        """
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        print("goes on")
        """,
        0,
        "goes on\n",
        r"Exception in thread Thread-.*:\n" + TRACEBACK + "ZeroDivisionError: division by zero\n",
    ),
    "an executor's threads are waited for": (
        """
        from concurrent.futures import ThreadPoolExecutor
        executor = ThreadPoolExecutor(2)
        for _ in range(4):
            executor.submit(lambda: (time.sleep(0.01), print("done")))
        """,
        0,
        "done\n" * 4,
        "",
    ),
    **{
        "sys.exit in a green thread while main waits in " + name: (
            "greenhub.spawn(sys.exit, 3)\n" + call,
            3,
            "",
            "",
        )
        for name, call in {
            "sleep": "time.sleep(100)",
            "recv": "far.recv(1)",
            "a lock": "lock.acquire()",
            "select": "select.select([far], [], [])",
            "join": "thread = threading.Thread(target=loops, daemon=True)\n"
            "thread.start(); thread.join()",
        }.items()
    },
}

#: Those that are run in every setting. GREENHUB_LONG has all run in all of them.
EVERYWHERE = {
    "the end",
    "sys.exit in a green thread",
    "an exception",
    "atexit handlers that wait and spawn",
    "OS threads with hubs of their own go on",
    "OS threads with hubs compute",
    "a signal's handler",
    "SIGTERM",
    "SIGINT",
    "main is killed",
    "threads that are no daemons are waited for",
    "an executor's threads are waited for",
    "sys.exit in a green thread while main waits in recv",
}


def most(endings):
    is_long = bool(os.environ.get("GREENHUB_LONG"))
    return {name: how for name, how in endings.items() if is_long or name in EVERYWHERE}


#: In front of all, for handlers that are registered before greenhub is there.
FIRST = """
import atexit
handlers = []
atexit.register(lambda: [handler() for handler in handlers])
"""

#: OS threads ask for the interpreter's lock, and get it when their thread states are gone already:
#: the main thread lets it go in a destructor, and is not on the processor until they have had it.
#: Memory that was freed is filled, so that CPython itself crashes here with OS threads that have no
#: hub (seen on 3.9, 3.10 and 3.12).
LATE = """
import atexit, ctypes
# Called last, and from C: who has asked for the lock meanwhile does not get it before all is over.
atexit.register(ctypes.PyDLL(None).usleep, 12000)
import os, threading, time
import greenhub
from greenhub._threads import start_os_thread

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.setpriority(os.PRIO_PROCESS, 0, 19)
local, begun, forever = threading.local(), [], threading.Lock()
forever.acquire()

class Late:
    def __del__(self, sleep=time.sleep):
        sleep(0.001)

def has_a_destructor():
    local.late = Late()
    begun.append(1)
    forever.acquire()

def computes():
    greenhub.sleep(0)
    begun.append(1)
    while True:
        sum(range(1000))

# The states of those that began last go first.
start_os_thread(has_a_destructor, ())
while len(begun) < 1:
    greenhub.sleep(0.001)
for _ in range(2):
    start_os_thread(COMPUTES, ())
while len(begun) < 3:
    greenhub.sleep(0.001)
"""

#: What the OS threads run: Python on the OS thread's own stack, or on a green thread's.
COMPUTE = ["computes", "lambda: greenhub.spawn(computes).wait()"]


class Exits(unittest.TestCase):
    def check(self, head, endings, *options):
        programs = [
            Program("p%d" % number, FIRST + head + BEGUN + textwrap.dedent(code), options)
            for number, (code, _, _, _) in enumerate(endings.values())
        ]
        for (name, ending), outcome in zip(endings.items(), run_all(programs)):
            _, status, out, err = ending
            with self.subTest(name):
                self.assertEqual((outcome.status, outcome.out), (status, out), outcome.err)
                self.assertTrue(re.fullmatch(err, outcome.err), outcome.err)

    def test_with_green_threads_that_wait_in_this_package(self):
        self.check(LIVE, ENDINGS)

    def test_with_green_threads_that_wait_in_the_standard_library(self):
        self.check(LIVE + PATCHED, {**most(ENDINGS), **PATCHED_ENDINGS})

    def test_with_main_code_as_a_green_thread(self):
        self.check(LIVE + PATCHED, most({**ENDINGS, **PATCHED_ENDINGS}), "-m", "greenhub")

    def test_with_os_threads_that_get_the_lock_when_their_states_are_gone(self):
        for options in [("-X", "dev"), ("-X", "dev", "-m", "greenhub")]:
            programs = [
                Program("late", LATE.replace("COMPUTES", code), options)
                for code in COMPUTE
                for _ in range(5)
            ]
            for outcome in run_all(programs):
                with self.subTest(options=options):
                    self.assertEqual((outcome.status, outcome.out), (0, ""), outcome.err)


if __name__ == "__main__":
    unittest.main()
