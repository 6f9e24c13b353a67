"""An exception raised in a green thread that waits beneath Python, in a function of libc."""

from __future__ import annotations

import textwrap
import unittest

from support import run_python

HEAD = """
import os, queue, select, selectors, signal, socket, subprocess, threading, time
import greenhub

greenhub.monkey_patch()

class Killed(Exception):
    pass

def killed(function, *args):
    '''Has an exception raised in a green thread that is waiting in a call; what came out of it.'''
    error, caught = Killed(function), []
    def calls():
        try:
            function(*args)
        except BaseException as other:
            caught.append(other)
        # The thread is as good as before, waits included.
        time.sleep(0.001)
        caught.append("goes on")
    thread = greenhub.spawn(calls)
    greenhub.sleep(0.02)
    assert not thread.dead, (function, caught)
    thread.kill(error)
    try:
        with greenhub.Timeout(20):
            thread.wait()
    except greenhub.Timeout:
        raise AssertionError((function, caught))
    assert caught[0] is error, (function, caught)
    assert caught[1] == "goes on" and error.__context__ is None, (function, caught)
"""


class Beneath(unittest.TestCase):
    def run_patched(self, code: str) -> None:
        done = run_python(HEAD + textwrap.dedent(code))
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)

    def test_the_very_instance_ends_every_wait_on_descriptors(self) -> None:
        self.run_patched("""
            near, far = socket.socketpair()
            timed, peer = socket.socketpair()
            timed.settimeout(50)
            listener = socket.create_server(("127.0.0.1", 0))
            reader, writer = os.pipe()
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
            for function, *args in [
                (near.recv, 1), (timed.recv, 1), (near.recv_into, bytearray(3)), (near.recvfrom, 1),
                (near.recvmsg, 1), (listener.accept,), (select.select, [near], [], []),
                (select.select, [near], [], [], 50), (polls,), (epolls,), (selects,), (sends,),
                (os.read, reader, 1),
            ]:
                killed(function, *args)
            far.send(b"a")
            assert near.recv(1) == b"a"
        """)

    def test_the_very_instance_ends_every_wait_on_locks(self) -> None:
        self.run_patched("""
            lock, event, semaphore = threading.Lock(), threading.Event(), threading.Semaphore(0)
            items, simple, condition = queue.Queue(), queue.SimpleQueue(), threading.Condition()
            lock.acquire()
            def waits():
                with condition:
                    condition.wait()
            def enters():
                with lock:
                    raise AssertionError("entered")
            reentrant = threading.RLock()
            def holds():
                with reentrant:
                    time.sleep(100)
            holder = greenhub.spawn(holds)
            thread = threading.Thread(target=time.sleep, args=(100,), daemon=True)
            thread.start()
            for function, *args in [
                (lock.acquire,), (lock.acquire, True, 50), (enters,), (event.wait,),
                (event.wait, 50), (semaphore.acquire,), (items.get,), (items.get, True, 50),
                (simple.get,), (simple.get, True, 50), (waits,), (reentrant.acquire,),
                (thread.join,),
            ]:
                killed(function, *args)
            lock.release()
            simple.put(1)
            assert lock.acquire(False) and simple.get() == 1
            os._exit(0)
        """)

    def test_the_very_instance_ends_sleeps_and_waits_for_children(self) -> None:
        self.run_patched("""
            children = []
            def child():
                children.append(subprocess.Popen(["sleep", "100"]))
                return children[-1]
            killed(time.sleep, 100)
            killed(greenhub.sleep, 100)
            killed(lambda: child().wait())
            killed(lambda: os.waitpid(child().pid, 0))
            killed(subprocess.run, ["sleep", "100"])
            for process in children:
                process.kill()
                try:
                    process.wait()
                except ChildProcessError:
                    pass
        """)

    def test_a_timeout_ends_a_wait_beneath_python(self) -> None:
        self.run_patched("""
            near, far = socket.socketpair()
            for _ in range(20):
                start = time.monotonic()
                try:
                    with greenhub.Timeout(0.02, Killed("time is over")):
                        near.recv(1)
                    raise AssertionError("no timeout")
                except Killed:
                    assert time.monotonic() - start >= 0.02
                with greenhub.Timeout(0.02, False):
                    near.recv(1)
            def late():
                time.sleep(0.05)
                far.send(b"a")
            greenhub.spawn(late)
            with greenhub.Timeout(20):
                assert near.recv(1) == b"a"
        """)

    def test_no_kill_is_lost(self) -> None:
        self.run_patched("""
            near, far = socket.socketpair()
            lock = threading.Lock()
            lock.acquire()
            counts = [0, 0]
            def loops(which, call):
                while True:
                    try:
                        call(1) if which == 0 else call()
                    except Killed:
                        counts[which] += 1
            threads = [greenhub.spawn(loops, 0, near.recv), greenhub.spawn(loops, 1, lock.acquire)]
            greenhub.sleep(0)
            for _ in range(500):
                for thread in threads:
                    thread.kill(Killed())
                greenhub.sleep(0)
            assert counts == [500, 500], counts
            os._exit(0)
        """)

    def test_a_kill_before_a_wait_ends_the_next_one(self) -> None:
        self.run_patched("""
            near, far = socket.socketpair()
            caught = []
            def works():
                me.append(greenhub.getcurrent())
                try:
                    error = Killed()
                    throw(error)
                    sum(range(1000))
                    near.recv(1)
                except Killed as other:
                    caught.append(other is error)
            def throw(error):
                from greenhub import _core
                _core.throw(_core.ident(), error)
            me = []
            greenhub.spawn(works).wait()
            assert caught == [True], caught
        """)

    def test_signals_are_handled_by_the_main_code_alone(self) -> None:
        self.run_patched("""
            near, far = socket.socketpair()
            handled, ends = [], []
            def handler(number, frame):
                handled.append(greenhub.getcurrent() is root)
                raise KeyError(number)
            root = greenhub.getcurrent()
            signal.signal(signal.SIGALRM, handler)
            def waits():
                try:
                    near.recv(1)
                except BaseException as error:
                    ends.append(error)
            thread = greenhub.spawn(waits)
            greenhub.sleep(0)
            for _ in range(5):
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                try:
                    greenhub.sleep(20)
                    raise AssertionError("not interrupted")
                except KeyError:
                    pass
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                try:
                    time.sleep(20)
                    raise AssertionError("not interrupted")
                except KeyError:
                    pass
            assert handled == [True] * 10 and ends == [], (handled, ends)
            far.send(b"a")
            thread.wait()
        """)


if __name__ == "__main__":
    unittest.main()
