"""fork, multiprocessing, executors and subprocess, by green threads."""

from __future__ import annotations

import unittest

from children import Program, run_all

HEAD = """
import os, signal, socket, subprocess, sys, threading, time
import greenhub
greenhub.monkey_patch()

def status_of(pid):
    return os.waitpid(pid, 0)[1]
"""

FORK = """
def child_works():
    '''What a child must be able to do: wait, spawn, lock, talk, and know who it is.'''
    near, far = socket.socketpair()
    receiver = greenhub.spawn(near.recv, 10)
    greenhub.spawn(far.send, b"said")
    assert receiver.wait() == b"said"
    time.sleep(0.001)
    thread = threading.Thread(target=time.sleep, args=(0.001,))
    thread.start()
    thread.join()
    assert threading.current_thread() is threading.main_thread()
    assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
    with greenhub.Timeout(0.01, False):
        near.recv(1)
        raise AssertionError("no timeout")
    victim = greenhub.spawn(near.recv, 1)
    greenhub.sleep(0)
    victim.kill(KeyError("killed"))
    try:
        victim.wait()
        raise AssertionError("not killed")
    except KeyError:
        pass
    handled = []
    signal.signal(signal.SIGUSR1, lambda *_: handled.append(threading.get_ident()))
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.001)
    assert handled == [threading.get_ident()], handled
    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
    time.sleep(0.001)
    assert len(handled) == 2

def forks(lock=threading.RLock()):
    ident = threading.get_ident()
    with lock:
        pid = os.fork()
        if pid == 0:
            try:
                # It is the thread that it was, so that its locks are its own.
                assert threading.get_ident() == ident and lock._is_owned()
                child_works()
                os._exit(7)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
    return status_of(pid)

expected = 7 << 8
greenhub.spawn_n(greenhub.sleep, 100)
assert [thread.wait() for thread in [greenhub.spawn(forks) for _ in range(3)]] == [expected] * 3
assert forks() == expected
thread = threading.Thread(target=lambda: statuses.append(forks()))
statuses = []
thread.start()
thread.join()
assert statuses == [expected]
from greenhub._threads import start_os_thread
over = greenhub.Event()
def has_a_hub():
    over.send(greenhub.spawn(forks).wait())
start_os_thread(has_a_hub, ())
assert over.wait() == expected

# One that goes on from fork to the end of the program, as a green thread and as a thread.
def goes_on():
    pid = os.fork()
    if pid == 0:
        greenhub.spawn(print, "child", flush=True).wait()
        sys.exit(5)
    return status_of(pid)
assert greenhub.spawn(goes_on).wait() == 5 << 8
assert goes_on() == 5 << 8
print("parent")
"""

MULTIPROCESSING = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

SQUARES = [number * number for number in range(10)]

def square(number):
    return number * number

def child(queue, number):
    near, far = socket.socketpair()
    receiver = greenhub.spawn(near.recv, 10)
    far.send(b"said")
    queue.put((number, receiver.wait()))

def starts(context, number):
    queue = context.Queue()
    process = context.Process(target=child, args=(queue, number))
    process.start()
    assert queue.get() == (number, b"said")
    process.join()
    assert process.exitcode == 0, process.exitcode

def pools(context):
    with context.Pool(2) as pool:
        assert pool.map(square, range(10)) == SQUARES

def pipes(context):
    near, far = context.Pipe()
    process = context.Process(target=far.send, args=("x" * 100000,))
    process.start()
    assert len(near.recv()) == 100000
    process.join()

def manages(context):
    with context.Manager() as manager:
        shared = manager.dict()
        shared["key"] = "value"
        assert dict(shared) == {"key": "value"}

def executes(context):
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        assert list(executor.map(square, range(10))) == SQUARES

def main():
    context = multiprocessing.get_context(METHOD)
    # Together: each waits for its children, and none for another's.
    threads = [greenhub.spawn(starts, context, number) for number in range(2)]
    for function in FUNCTIONS:
        threads.append(greenhub.spawn(function, context))
    greenhub.joinall(threads, raise_error=True)
    executes(context)
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(square, range(10))) == SQUARES
    print("end", flush=True)

if __name__ == "__main__":
    main()
"""

SUBPROCESSES = """
def communicates(number):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # More than a pipe holds, both ways.
        data = b"%d" % number * 100_000
        out, _ = process.communicate(data)
        assert out == data and process.returncode == 0

def fails(number):
    done = subprocess.run(["sh", "-c", "echo $0 >&2; exit $0", str(number)], stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (number, b"%d\\n" % number)

def times_out():
    try:
        subprocess.run(["sleep", "100"], timeout=0.05)
        raise AssertionError("no timeout")
    except subprocess.TimeoutExpired:
        pass

start = time.monotonic()
threads = [greenhub.spawn(communicates, number) for number in range(10)]
threads += [greenhub.spawn(fails, number) for number in range(10)]
threads += [greenhub.spawn(subprocess.check_call, ["sleep", "0.5"]) for _ in range(10)]
threads += [greenhub.spawn(times_out)]
greenhub.joinall(threads, raise_error=True)
# The sleeps alone would take 5 s one after the other.
assert time.monotonic() - start < 4.5
print("end")
"""

ALL = "[pipes, pools, manages, executes]"


class Processes(unittest.TestCase):
    def check(self, *programs):
        for outcome, (_, expected) in zip(run_all([program for program, _ in programs]), programs):
            with self.subTest(outcome.name):
                self.assertEqual((outcome.status, outcome.err), (0, ""), outcome.out)
                self.assertEqual(outcome.out, expected)

    def test_a_child_of_fork_goes_on_as_the_thread_that_forked(self):
        options = ("-W", "ignore::DeprecationWarning")
        said = "child\nchild\nparent\n"
        self.check(
            (Program("fork", HEAD + FORK, options), said),
            (Program("fork_main", HEAD + FORK, (*options, "-m", "greenhub")), said),
        )

    def test_multiprocessing_and_executors_work_from_green_threads(self):
        def program(method, functions, *options):
            head = "METHOD, FUNCTIONS = %r, lambda: %s\n" % (method, functions)
            code = head + HEAD + MULTIPROCESSING.replace("in FUNCTIONS:", "in FUNCTIONS():")
            ignored = ("-W", "ignore::DeprecationWarning")
            return Program("mp_" + method, code, (*ignored, *options)), "end\n"

        self.check(
            program("fork", ALL),
            program("fork", ALL, "-m", "greenhub"),
            program("forkserver", "[pipes, pools]"),
            # Each child takes long to start.
            program("spawn", "[]"),
        )

    def test_subprocesses_talk_and_end_beside_each_other(self):
        self.check((Program("subprocesses", HEAD + SUBPROCESSES), "end\n"))


if __name__ == "__main__":
    unittest.main()
