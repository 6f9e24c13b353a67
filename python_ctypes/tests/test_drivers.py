"""Kills and timeouts of a green thread that waits in a driver in C, which heeds no signals."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path
from typing import ClassVar

from support import missing, run_python

# As libpq and libcurl do it, one that repeats what a signal has interrupted, and one that does not.
DRIVER = """
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

int repeats(int fd, int *tries) {
    struct pollfd wanted = {fd, POLLIN, 0};
    int ready;
    do {
        ++*tries;
        ready = poll(&wanted, 1, -1);
    } while (ready < 0 && errno == EINTR && *tries < 1000);
    return ready < 0 ? errno : 0;
}

int fails(int fd, int *tries) {
    char byte;
    ++*tries;
    return recv(fd, &byte, 1, 0) < 0 ? errno : 0;
}
"""

HEAD = """
import ctypes, errno, socket, sys, threading
import greenhub
from greenhub import Timeout

greenhub.monkey_patch()
driver = ctypes.CDLL(sys.argv[1])
near, far = socket.socketpair()

class Killed(Exception):
    pass

class DriverError(Exception):
    pass

tries = ctypes.c_int()

def ask(function):
    '''What a Python module around such a driver does.'''
    tries.value = 0
    number = function(near.fileno(), ctypes.byref(tries))
    if number:
        raise DriverError(errno.errorcode[number])

both = [(driver.repeats, 2, "ECANCELED"), (driver.fails, 1, "EINTR")]

def killed(function, *args, error=None):
    '''Has an exception raised in a green thread that is waiting in the driver.'''
    error = error or Killed()
    thread = greenhub.spawn(function, *args)
    greenhub.sleep(0.01)
    assert not thread.dead
    thread.kill(error)
    with Timeout(20):
        return thread, error
"""


class Drivers(unittest.TestCase):
    library: ClassVar[str]
    folder: ClassVar[tempfile.TemporaryDirectory[str]]

    @classmethod
    def setUpClass(cls) -> None:
        compiler = os.environ.get("CC") or shutil.which("cc") or ""
        if not compiler:
            missing("C compiler")
        cls.folder = tempfile.TemporaryDirectory()
        source, library = Path(cls.folder.name) / "driver.c", Path(cls.folder.name) / "driver.so"
        source.write_text(DRIVER)
        command = [*compiler.split(), "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run(command, check=True, timeout=60)
        cls.library = str(library)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def run_patched(self, code: str) -> None:
        done = run_python(HEAD + textwrap.dedent(code), self.library)
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)

    def test_a_driver_sees_one_interruption_and_then_that_it_is_cancelled(self) -> None:
        self.run_patched("""
            for function, count, name in both:
                said = []
                def asks():
                    try:
                        ask(function)
                    except DriverError as error:
                        said.append(str(error))
                killed(asks)[0].wait()
                assert (said, tries.value) == ([name], count), (said, tries.value)
        """)

    def test_what_was_thrown_stands_for_the_drivers_error_at_the_end_of_the_thread(self) -> None:
        self.run_patched("""
            for function, _, name in both:
                thread, error = killed(ask, function)
                try:
                    thread.wait()
                    raise AssertionError("no error")
                except Killed as other:
                    assert other is error
                context = error.__context__
                assert type(context) is DriverError and str(context) == name, context
                frame = error.__traceback__
                while frame.tb_next:
                    frame = frame.tb_next
                assert frame.tb_frame.f_code is ask.__code__
                # A kill is no failure.
                killed(ask, function, error=greenhub.GreenletExit())
        """)

    def test_what_was_thrown_is_raised_once_the_drivers_caller_computes(self) -> None:
        self.run_patched("""
            greenhub.preempt(0.002)
            for function, _, name in both:
                ends = []
                def computes():
                    try:
                        try:
                            ask(function)
                        except DriverError as error:
                            ends.append(str(error))
                        while True:
                            ends[0] += ""
                    except Killed as caught:
                        ends.append(caught)
                    # Its own, for which the kill must not stand.
                    raise KeyError("mine")
                thread, error = killed(computes)
                try:
                    thread.wait()
                except KeyError as caught:
                    ends.append(str(caught))
                assert ends == [name, error, "'mine'"], ends
        """)

    def test_threads_of_the_standard_library_report_what_was_thrown(self) -> None:
        self.run_patched("""
            import _thread, time
            from greenhub import _core
            seen, idents = [], []
            threading.excepthook = lambda args: seen.append((args.thread.name, args.exc_value))
            sys.unraisablehook = lambda args: seen.append((args.object, args.exc_value))
            def drives(function):
                idents.append(_core.ident())
                ask(function)
            def starts(function):
                thread = threading.Thread(target=drives, args=(function,), name="worker")
                thread.start()
            for function, _, name in both:
                for start, reporter in [
                    (starts, "worker"),
                    (lambda function: _thread.start_new_thread(drives, (function,)), drives),
                ]:
                    seen.clear()
                    error = Killed()
                    start(function)
                    greenhub.sleep(0)
                    _core.throw(idents.pop(), error)
                    greenhub.sleep(0.01)
                    assert seen == [(reporter, error)], seen
                    assert str(error.__context__) == name, error.__context__
        """)

    def test_it_stands_for_no_exit_and_is_not_raised_if_the_thread_ends_well(self) -> None:
        self.run_patched("""
            for function, _, _ in both:
                def returns():
                    try:
                        ask(function)
                    except DriverError:
                        return "returned"
                def exits():
                    try:
                        ask(function)
                    except DriverError:
                        raise greenhub.GreenletExit("exit")
                assert killed(returns)[0].wait() == "returned"
                try:
                    killed(exits)[0].wait()
                    raise AssertionError("no exit")
                except greenhub.GreenletExit as error:
                    assert str(error) == "exit"
        """)

    def test_who_goes_on_finds_it_at_the_next_wait(self) -> None:
        self.run_patched("""
            for function, _, _ in both:
                for wait in (lambda: near.recv(1), lambda: greenhub.sleep(20)):
                    caught = []
                    def goes_on():
                        try:
                            ask(function)
                        except DriverError:
                            pass
                        try:
                            wait()
                        except Killed as error:
                            caught.append(error)
                        # Once is enough, and the driver serves as before.
                        far.send(b"a")
                        ask(driver.repeats)
                        near.recv(1)
                        raise DriverError("mine")
                    thread, error = killed(goes_on)
                    try:
                        thread.wait()
                    except DriverError as other:
                        assert str(other) == "mine"
                    assert caught == [error], caught
        """)

    def test_an_error_of_before_the_kill_is_nobody_elses(self) -> None:
        self.run_patched("""
            def fails():
                greenhub.sleep(0.03)
                raise DriverError("mine")
            thread = greenhub.spawn(fails)
            try:
                thread.wait()
            except DriverError as error:
                assert str(error) == "mine"
        """)

    def test_a_timeouts_block_raises_the_timeout(self) -> None:
        self.run_patched("""
            for function, _, name in both:
                for given in (None, Killed()):
                    try:
                        with Timeout(0.01, given) as timeout:
                            ask(function)
                        raise AssertionError("no timeout")
                    except (Timeout, Killed) as error:
                        assert error is (given or timeout)
                        assert str(error.__context__) == name, error.__context__
                with Timeout(0.01, False):
                    ask(function)
                assert greenhub.with_timeout(0.01, ask, function, timeout_value="late") == "late"
                # The outer one's time is over: the inner one lets the error pass.
                try:
                    with Timeout(0.01) as outer:
                        with Timeout(20):
                            ask(function)
                except Timeout as error:
                    assert error is outer
                # An error that was caught within the block is dealt with, and so is the timeout.
                with Timeout(0.01):
                    try:
                        ask(function)
                    except DriverError:
                        pass
                greenhub.sleep(0)
                # Nothing was told yet: the block's own error leaves it.
                try:
                    with Timeout(0.01):
                        raise DriverError("mine")
                except DriverError as error:
                    assert str(error) == "mine"
        """)


if __name__ == "__main__":
    unittest.main()
