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

    def test_a_timeout_that_nobody_met_ends_with_its_block(self) -> None:
        self.run_patched("""
            near, far = socket.socketpair()
            def sends():
                # Data and deadline come together: the call has its data, and looks no further.
                until = time.monotonic() + 0.03
                while time.monotonic() < until:
                    pass
                far.send(b"a")
            for given in (None, False, Killed):
                greenhub.spawn(sends)
                with greenhub.Timeout(0.01, given) as timeout:
                    assert near.recv(1) == b"a"
                    assert not timeout.pending
                greenhub.sleep(0)
                greenhub.spawn(far.send, b"b")
                assert near.recv(1) == b"b"
        """)

    def test_what_is_taken_back_of_a_waiting_thread_does_not_end_its_wait(self) -> None:
        self.run_patched("""
            from greenhub import _core
            near, far = socket.socketpair()
            lock = threading.Lock()
            lock.acquire()
            for wait, end in [
                (lambda: near.recv(1), lambda: far.send(b"a")), (lock.acquire, lock.release),
                (lambda: time.sleep(0.05), lambda: None),
                (lambda: greenhub.sleep(0.05), lambda: None),
            ]:
                thread = greenhub.spawn(wait)
                greenhub.sleep(0.001)
                error = Killed()
                assert _core.throw(thread._ident, error)
                assert _core.take_back(thread._ident, Killed()) == 0
                assert _core.take_back(thread._ident, error) == 1
                assert _core.take_back(thread._ident, error) == 0
                greenhub.sleep(0.001)
                assert not thread.dead
                end()
                with greenhub.Timeout(20):
                    thread.wait()
        """)

    def test_gh_cancel_outlives_a_kill(self) -> None:
        self.run_patched("""
            import errno
            from greenhub._library import library
            near, far = socket.socketpair()
            ends = []
            def waits():
                for wait in (lambda: near.recv(1),) * 2 + (lambda: greenhub.sleep(20),):
                    try:
                        wait()
                    except Killed as error:
                        ends.append(error)
                    except OSError as error:
                        ends.append(error.errno)
            for kill_first in (True, False):
                ends.clear()
                thread, error = greenhub.spawn(waits), Killed()
                greenhub.sleep(0)
                if kill_first:
                    from greenhub import _core
                    _core.throw(thread._ident, error)
                assert library.gh_cancel(thread._ident) == 0
                if not kill_first:
                    _core.throw(thread._ident, error)
                thread.wait()
                assert ends == [error, errno.ECANCELED, errno.ECANCELED], ends
        """)

    def test_a_kill_costs_no_search_for_who_has_called(self) -> None:
        self.run_patched("""
            import statistics
            from greenhub import _core
            me, lock, todo = _core.ident(), threading.Lock(), []
            lock.acquire()
            def loops():
                while True:
                    try:
                        lock.acquire()
                        raise todo.pop()
                    except Killed:
                        _core.unpark(me)
            thread = greenhub.spawn(loops)
            greenhub.sleep(0)
            def kills(error):
                _core.throw(thread._ident, error)
            def wakes(error):
                todo.append(error)
                lock.release()
            def cost(ends):
                errors = [Killed() for _ in range(200)]
                # Of the processor, which others may take away meanwhile.
                start = time.thread_time()
                for error in errors:
                    ends(error)
                    _core.park()
                return time.thread_time() - start
            costs = [(cost(kills), cost(wakes)) for _ in range(21)]
            ratio = statistics.median(kill / wake for kill, wake in costs)
            # Beside the same exception raised there by the thread itself; a search makes it ten.
            assert ratio < 3, ratio
            os._exit(0)
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
