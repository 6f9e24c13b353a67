"""monkey_patch: the standard library suspends, and nothing in it was replaced."""

from __future__ import annotations

import textwrap
import unittest

from support import run_python

#: What the programs share: runs functions as green threads, and tells how long all took together.
HEAD = """
import sys, threading, time
from greenhub import patcher
from greenhub.greenthread import spawn

def together(*functions):
    start = time.monotonic()
    for thread in [spawn(function) for function in functions]:
        thread.wait()
    return time.monotonic() - start
"""


class Patched(unittest.TestCase):
    def run_patched(self, code: str) -> str:
        """Programs of their own, since what is patched stays so."""
        done = run_python(HEAD + textwrap.dedent(code))
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_an_import_patches_nothing(self) -> None:
        self.run_patched("""
            from greenhub import _bindings, _library
            assert _library.library.gh_patch_info(_bindings.gh_patch_visitor(), None) == 0
            assert not patcher.is_monkey_patched("time")
        """)

    def test_nothing_in_python_is_replaced_but_how_threads_start(self) -> None:
        self.run_patched("""
            import os, queue, select, selectors, signal, socket, ssl, subprocess, _socket, _thread
            modules = [os, queue, select, selectors, signal, socket, ssl, subprocess, threading,
                time, _socket, _thread]
            before = [dict(vars(module)) for module in modules]
            patcher.monkey_patch()
            changed = {
                (module.__name__, name)
                for module, names in zip(modules, before)
                for name in set(names) | set(vars(module))
                if names.get(name) is not vars(module).get(name)
            }
            allowed = {"start_new_thread", "start_new", "_start_new_thread",
                "start_joinable_thread", "_start_joinable_thread", "_ThreadHandle",
                "_shutdown", "_thread_shutdown"}
            assert {name for _, name in changed} <= allowed, changed
            assert {module for module, _ in changed} == {"_thread", "threading"}, changed
        """)

    def test_fifty_sleeps_take_the_time_of_one(self) -> None:
        self.run_patched("""
            patcher.monkey_patch()
            took = together(*[lambda: time.sleep(0.2)] * 50)
            assert 0.2 <= took < 2, took
        """)

    def test_objects_made_before_the_patch_serve_as_well(self) -> None:
        self.run_patched("""
            import queue, socket
            near, far = socket.socketpair()
            items, lock, event = queue.Queue(), threading.Lock(), threading.Event()
            patcher.monkey_patch()
            said = []
            def waits_on_all():
                said.append(near.recv(10))
                said.append(items.get())
                event.wait()
                with lock:
                    said.append("locked")
            def ends_them():
                with lock:
                    far.sendall(b"bytes")
                    items.put("item")
                    event.set()
                    time.sleep(0.05)
                    said.append("unlocks")
            together(waits_on_all, ends_them)
            assert said == [b"bytes", "item", "unlocks", "locked"], said
        """)

    def test_a_reentrant_lock_knows_green_threads_apart(self) -> None:
        self.run_patched("""
            patcher.monkey_patch()
            lock, got = threading.RLock(), []
            def holds():
                with lock, lock:
                    time.sleep(0.05)
                    got.append("first")
            def wants():
                assert not lock.acquire(blocking=False)
                with lock:
                    got.append("second")
            together(holds, wants)
            assert got == ["first", "second"], got
            idents = set()
            together(*[lambda: idents.add(threading.get_ident())] * 20)
            assert len(idents) == 20 and threading.get_ident() not in idents
        """)

    def test_idents_of_ended_threads_are_forgotten(self) -> None:
        self.run_patched("""
            patcher.monkey_patch()
            together(*[threading.current_thread] * 100)
            assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
        """)

    def test_sockets_time_out_and_serve_many(self) -> None:
        self.run_patched("""
            import socket
            patcher.monkey_patch()
            listener = socket.create_server(("127.0.0.1", 0), backlog=50)
            def serves():
                for _ in range(20):
                    spawn(echoes, listener.accept()[0])
            def echoes(connection):
                with connection:
                    while True:
                        data = connection.recv(100)
                        if not data:
                            return
                        connection.sendall(data)
            def asks():
                with socket.create_connection(listener.getsockname(), timeout=20) as connection:
                    for number in range(10):
                        connection.sendall(b"%d" % number)
                        assert connection.recv(100) == b"%d" % number
                    connection.settimeout(0.05)
                    try:
                        connection.recv(1)
                    except socket.timeout:
                        return
                    raise AssertionError("no timeout")
            together(serves, *[asks] * 20)
            listener.close()
        """)

    def test_subprocesses_select_and_names_suspend(self) -> None:
        self.run_patched("""
            import os, select, socket, subprocess
            patcher.monkey_patch()
            assert together(*[lambda: subprocess.run(["sleep", "0.3"], check=True)] * 5) < 1.4
            assert together(*[lambda: os.system("sleep 0.3")] * 5) < 1.4
            near, far = socket.socketpair()
            def selects():
                assert select.select([near], [], [], 20)[0] == [near]
                poll = select.poll()
                poll.register(near, select.POLLIN)
                assert poll.poll(20000)
                assert socket.getaddrinfo("localhost", 80)
            together(selects, lambda: (time.sleep(0.05), far.send(b"x")))
            near.close()
            far.close()
        """)

    def test_an_event_loop_of_asyncio_runs_in_a_green_thread(self) -> None:
        self.run_patched("""
            import asyncio
            patcher.monkey_patch()
            async def sleeps():
                await asyncio.sleep(0.2)
                return 5
            results = []
            took = together(*[lambda: results.append(asyncio.run(sleeps()))] * 5)
            assert results == [5] * 5 and took < 0.9, (results, took)
        """)

    def test_threads_of_the_standard_library_are_green(self) -> None:
        self.run_patched("""
            import concurrent.futures, _thread
            patcher.monkey_patch()
            count = []
            def works():
                before = len(count)
                count.append(threading.current_thread().name)
                time.sleep(0.1)
            threads = [threading.Thread(target=works, name="worker-%d" % n) for n in range(50)]
            start = time.monotonic()
            for thread in threads: thread.start()
            assert all(thread.is_alive() for thread in threads)
            for thread in threads: thread.join(20)
            assert not any(thread.is_alive() for thread in threads)
            assert time.monotonic() - start < 2 and count == [t.name for t in threads]
            # Between two waits nobody else runs.
            turns = []
            def loops():
                for _ in range(100000): pass
                turns.append(threading.get_ident())
            one, other = threading.Thread(target=loops), threading.Thread(target=loops)
            one.start(); other.start(); one.join(); other.join()
            assert len(set(turns)) == 2
            with concurrent.futures.ThreadPoolExecutor(10) as pool:
                start = time.monotonic()
                list(pool.map(time.sleep, [0.1] * 10))
                assert time.monotonic() - start < 0.9
            done = threading.Event()
            ident = _thread.start_new_thread(lambda: (time.sleep(0.01), done.set()), ())
            assert ident != threading.get_ident() and done.wait(20)
            late = threading.Thread(target=lambda: (time.sleep(0.1), print("late")))
            late.start()
        """)

    def test_threads_that_ended_are_forgotten(self) -> None:
        self.run_patched("""
            import gc, weakref
            patcher.monkey_patch()
            threads = [threading.Thread(target=time.sleep, args=(0.001,)) for _ in range(50)]
            for thread in threads: thread.start()
            joins = [spawn(thread.join, 0.0001) for thread in threads]
            for thread in threads: thread.join()
            for thread in joins: thread.wait()
            gone = [weakref.ref(thread) for thread in threads]
            from greenhub import _threads
            assert not _threads._not_daemons
            del thread, threads, joins
            gc.collect()
            assert not any(reference() for reference in gone)
            assert threading.enumerate() == [threading.main_thread()]
        """)

    def test_a_green_thread_that_c_has_made_is_not_taken_for_the_root(self) -> None:
        self.run_patched("""
            from greenhub import _bindings, _core, _library
            from greenhub.greenthread import getcurrent
            root, said = getcurrent(), []
            @_bindings.gh_entry
            def entry(argument):
                for function in (_core.ident, lambda: _core.sleep(0), _core.park):
                    try:
                        function()
                    except RuntimeError:
                        said.append(_core.current())
            library = _library.library
            assert library.gh_spawn(None, None, entry, None) == 0
            _core.sleep(0.01)
            assert said == [None] * 3 and getcurrent() is root, said
        """)

    def test_a_program_waits_for_its_threads_at_its_end(self) -> None:
        said = self.run_patched("""
            patcher.monkey_patch()
            threading.Thread(target=lambda: (time.sleep(0.1), print("waited for"))).start()
            threading.Thread(target=lambda: (time.sleep(100), print("not")), daemon=True).start()
        """)
        self.assertEqual(said, "waited for\n")

    def test_words_choose_and_wrong_ones_are_refused(self) -> None:
        self.run_patched("""
            import socket, os
            patcher.monkey_patch(time=True)
            assert patcher.is_monkey_patched("time") and patcher.is_monkey_patched(time)
            assert not patcher.is_monkey_patched(socket) and not patcher.is_monkey_patched("thread")
            patcher.monkey_patch(thread=False)
            assert patcher.is_monkey_patched(socket) and patcher.is_monkey_patched(os)
            assert not patcher.is_monkey_patched(threading)
            patcher.monkey_patch()
            patcher.monkey_patch(all=True)
            assert patcher.is_monkey_patched(threading)
            try:
                patcher.monkey_patch(thraed=True)
            except TypeError as error:
                assert "thraed" in str(error)
            else:
                raise AssertionError("no error")
            import greenhub.green.urllib.request, json, urllib.request
            from greenhub.green import socket as green_socket, Queue, http, thread
            assert thread is __import__('_thread')
            assert green_socket is socket and Queue.__name__ == "queue" and http.__name__ == "http"
            assert greenhub.green.urllib.request is urllib.request
            assert socket.__spec__.name == "socket" and urllib.request.__name__ == "urllib.request"
            try:
                import greenhub.green.no_such_module
            except ModuleNotFoundError as error:
                assert error.name == "greenhub.green.no_such_module"
            else:
                raise AssertionError("no error")
            assert patcher.import_patched("json").dumps([]) == "[]"
            changed = patcher.import_patched("json", ("one", time), two=time)
            assert changed.one is changed.two is time
            assert patcher.original("time") is time
            names = {}
            patcher.inject("json", names)
            assert names["loads"]("1") == 1
        """)


if __name__ == "__main__":
    unittest.main()
