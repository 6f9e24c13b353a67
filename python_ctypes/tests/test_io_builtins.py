"""The calls on descriptors: what they move, what they raise, and what ends their waits."""

import errno
import os
import select
import signal
import socket
import struct
import threading
import time
import unittest

from conversation import Kill, connected, waiting
from greenhub import _core
from greenhub import socket as green_socket
from greenhub.greenthread import sleep, spawn
from greenhub.hubs import IOClosed, notify_close, trampoline
from greenhub.timeout import Timeout
from support import run_python

PAIRS = ((socket.AF_UNIX, "unix"), (socket.AF_INET, "tcp"))


def pair(family=socket.AF_UNIX):
    if family == socket.AF_UNIX:
        return green_socket.socketpair()
    return connected()


def reset(connection):
    """Closes by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Moving(unittest.TestCase):
    def setUp(self):
        self.mine, self.other = pair()
        self.addCleanup(self.mine.close)
        self.addCleanup(self.other.close)
        self.fd = self.mine.fileno()

    def test_what_is_there_comes_at_once_and_the_end_is_nothing(self):
        self.other.sendall(b"abc")
        self.assertEqual(_core.recv(self.fd, 2, 0, None), b"ab")
        self.assertEqual(_core.recv(self.fd, 0, 0, None), b"")
        self.assertEqual(_core.recv(self.fd, 100, 0, 0), b"c")
        self.other.close()
        self.assertEqual(_core.recv(self.fd, 100, 0, None), b"")

    def test_what_comes_later_is_waited_for_while_others_run(self):
        for size in (100, 200_000):
            thread = waiting(_core.recv, self.fd, size, 0, None)
            self.other.sendall(b"later")
            self.assertEqual(thread.wait(), b"later")

    def test_a_large_piece_comes_whole_if_it_is_there_whole(self):
        data = os.urandom(150_000)
        thread = spawn(_core.sendall, self.other.fileno(), data, 0, None)
        self.assertIsNone(thread.wait())
        self.assertEqual(_core.recv(self.fd, 140_000, 0, None), data[:140_000])
        self.assertEqual(_core.recv(self.fd, 140_000, 0, None), data[140_000:])

    def test_all_that_was_asked_for_is_waited_for_if_that_is_wanted(self):
        thread = waiting(_core.recv, self.fd, 6, socket.MSG_WAITALL, None)
        self.other.sendall(b"abc")
        sleep(0.005)
        self.assertFalse(thread.dead)
        self.other.sendall(b"defghi")
        self.assertEqual(thread.wait(), b"abcdef")

    def test_a_look_takes_nothing(self):
        self.other.sendall(b"abc")
        self.assertEqual(_core.recv(self.fd, 2, socket.MSG_PEEK, None), b"ab")
        self.assertEqual(_core.recv(self.fd, 9, 0, None), b"abc")

    def test_a_buffer_is_filled_from_its_beginning(self):
        self.other.sendall(b"abcdef")
        buffer = bytearray(b"....")
        self.assertEqual(_core.recv_into(self.fd, buffer, 2, 0, None), 2)
        self.assertEqual(buffer, b"ab..")
        self.assertEqual(_core.recv_into(self.fd, memoryview(buffer)[1:], 0, 0, None), 3)
        self.assertEqual(buffer, b"acde")
        with self.assertRaises(ValueError):
            _core.recv_into(self.fd, buffer, 5, 0, None)
        for wrong in (b"abcd", "abcd", 7):
            with self.assertRaises((TypeError, BufferError)):
                _core.recv_into(self.fd, wrong, 0, 0, None)

    def test_a_buffer_that_is_waited_with_cannot_be_resized(self):
        buffer = bytearray(4)
        thread = waiting(_core.recv_into, self.fd, buffer, 0, 0, None)
        with self.assertRaises(BufferError):
            buffer.append(1)
        self.other.sendall(b"x")
        self.assertEqual(thread.wait(), 1)
        buffer.append(1)

    def test_everything_is_sent_however_many_steps_it_takes(self):
        data = os.urandom(3_000_000)
        thread = waiting(_core.sendall, self.fd, memoryview(data), 0, None)
        got = bytearray()
        while len(got) < len(data):
            got += _core.recv(self.other.fileno(), 65536, 0, None)
        thread.wait()
        self.assertEqual(got, data)

    def test_a_full_socket_takes_a_part_and_then_nothing(self):
        data = bytes(10_000_000)
        sent = _core.send(self.fd, data, 0, None)
        self.assertTrue(0 < sent < len(data))
        with self.assertRaises(BlockingIOError):
            while True:
                _core.send(self.fd, data, 0, 0)
        with self.assertRaises(BlockingIOError):
            _core.send(self.fd, data, socket.MSG_DONTWAIT, None)
        thread = waiting(_core.send, self.fd, data, 0, None)
        _core.recv(self.other.fileno(), 1 << 20, 0, None)
        while not thread.dead:
            _core.recv(self.other.fileno(), 1 << 20, 0, None)
        self.assertGreater(thread.wait(), 0)

    def test_wrong_arguments_are_told(self):
        for arguments in (
            (self.fd, -1, 0, None),
            (self.fd, 1, 0, float("nan")),
        ):
            with self.assertRaises(ValueError):
                _core.recv(*arguments)
        for arguments in (
            (self.fd, "1", 0, None),
            ("x", 1, 0, None),
            (self.fd, 1),
            (self.fd, 1, 0, "x"),
        ):
            with self.assertRaises(TypeError):
                _core.recv(*arguments)
        with self.assertRaises(OverflowError):
            _core.recv(1 << 40, 1, 0, None)
        with self.assertRaises(TypeError):
            _core.send(self.fd, "text", 0, None)

    def test_waiters_get_what_comes_in_the_order_in_which_they_came(self):
        order = []

        def read(number):
            order.append((number, _core.recv(self.fd, 1, 0, None)))

        threads = [spawn(read, number) for number in range(5)]
        sleep(0.005)
        for byte in b"abcde":
            self.other.sendall(bytes([byte]))
            sleep(0.001)
        for thread in threads:
            thread.wait()
        self.assertEqual(order, [(n, b"abcde"[n : n + 1]) for n in range(5)])


class Ending(unittest.TestCase):
    """Every wait, and whatever ends it."""

    def calls(self, family):
        """Calls that wait, each with a function that has it go on."""
        mine, other = pair(family)
        for connection in (mine, other):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.addCleanup(connection.close)
        fd = mine.fileno()
        many = bytes(8_000_000)
        server = green_socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        return {
            "recv": (fd, lambda timeout: _core.recv(fd, 10, 0, timeout)),
            "recv large": (fd, lambda timeout: _core.recv(fd, 1 << 20, 0, timeout)),
            "recv_into": (fd, lambda timeout: _core.recv_into(fd, bytearray(9), 0, 0, timeout)),
            "sendall": (fd, lambda timeout: _core.sendall(fd, many, 0, timeout)),
            "send": (fd, lambda timeout: self.sent_when_full(fd, many, timeout)),
            "wait_fd": (fd, lambda timeout: self.waited(fd, timeout)),
            "accept": (server.fileno(), lambda timeout: _core.accept(server.fileno(), timeout)),
        }

    @staticmethod
    def sent_when_full(fd, many, timeout):
        try:
            while True:
                _core.send(fd, many, 0, 0)
        except BlockingIOError:
            _core.send(fd, many, 0, timeout)

    @staticmethod
    def waited(fd, timeout):
        if _core.wait_fd(fd, select.POLLIN, timeout) == 0:
            raise socket.timeout("timed out")

    def test_a_kill_raises_the_very_instance_and_the_thread_goes_on(self):
        for family, _ in PAIRS:
            for name, (_, call) in self.calls(family).items():
                with self.subTest(name, family=family):
                    error = Kill()
                    after = []

                    def run(call=call, after=after):
                        try:
                            call(None)
                        except BaseException as caught:
                            after.append(caught)
                        sleep(0)
                        after.append("went on")

                    thread = waiting(run)
                    thread.kill(error)
                    thread.wait()
                    self.assertIs(after[0], error)
                    self.assertEqual(after[1:], ["went on"])

    def test_a_timeout_of_the_package_raises_its_instance(self):
        for name, (_, call) in self.calls(socket.AF_UNIX).items():
            with self.subTest(name):
                timeout = Timeout(0.005)
                with self.assertRaises(Timeout) as caught:
                    call(None)
                self.assertIs(caught.exception, timeout)

    def test_the_own_limit_raises_what_the_standard_library_raises(self):
        for name, (_, call) in self.calls(socket.AF_INET).items():
            with self.subTest(name):
                begin = time.monotonic()
                with self.assertRaises(socket.timeout) as caught:
                    call(0.01)
                self.assertGreaterEqual(time.monotonic() - begin, 0.01)
                self.assertEqual(str(caught.exception), "timed out")
                self.assertIs(type(caught.exception), socket.timeout)

    def test_no_time_at_all_does_not_wait(self):
        for name, (_, call) in self.calls(socket.AF_UNIX).items():
            if name in ("sendall", "send", "wait_fd"):
                continue
            with self.subTest(name), self.assertRaises(BlockingIOError):
                call(0)

    def test_the_limit_of_sendall_is_for_all_of_it(self):
        mine, other = pair()
        with mine, other:

            def drain():
                try:
                    while _core.recv(other.fileno(), 4096, 0, None):
                        sleep(0.004)
                except Kill:
                    pass

            thread = spawn(drain)
            begin = time.monotonic()
            with self.assertRaises(socket.timeout):
                _core.sendall(mine.fileno(), bytes(100_000_000), 0, 0.05)
            self.assertLess(time.monotonic() - begin, 10)
            thread.kill(Kill())

    def test_who_closes_ends_the_wait_with_an_error(self):
        for name in self.calls(socket.AF_UNIX):
            # Anew each time, since a call needs the descriptor that is closed.
            fd, call = self.calls(socket.AF_UNIX)[name]
            with self.subTest(name):
                duplicate = os.dup(fd)
                thread = waiting(call, None)
                _core.close(fd)
                # The owner of the number believes that it is open.
                os.dup2(duplicate, fd)
                os.close(duplicate)
                with self.assertRaises(OSError) as caught:
                    thread.wait()
                self.assertEqual(caught.exception.errno, errno.EBADF)

    def test_a_reset_is_an_error_and_never_the_end(self):
        for name in ("recv", "recv large", "recv_into"):
            mine, other = pair(socket.AF_INET)
            with mine, self.subTest(name):
                thread = waiting(_core.recv, mine.fileno(), 10, 0, None)
                reset(other)
                with self.assertRaises(ConnectionResetError):
                    thread.wait()
        mine, other = pair(socket.AF_INET)
        with mine:
            reset(other)
            with self.assertRaises(ConnectionResetError):
                _core.recv(mine.fileno(), 10, 0, None)

    def test_who_sends_to_nobody_gets_a_broken_pipe(self):
        mine, other = pair()
        with mine:
            other.close()
            with self.assertRaises(BrokenPipeError):
                _core.sendall(mine.fileno(), b"x", 0, None)

    def test_what_is_not_connected_is_an_error_at_once(self):
        with green_socket.socket() as alone:
            for call in (
                lambda fd: _core.recv(fd, 1, 0, None),
                lambda fd: _core.recv(fd, 1, 0, 5),
                lambda fd: _core.recv_into(fd, bytearray(1), 0, 0, None),
            ):
                with self.assertRaises(OSError) as caught:
                    call(alone.fileno())
                self.assertEqual(caught.exception.errno, errno.ENOTCONN)
            with self.assertRaises(OSError) as caught:
                _core.accept(alone.fileno(), None)
            self.assertEqual(caught.exception.errno, errno.EINVAL)

    def test_what_is_not_open_or_no_socket_is_an_error(self):
        read, write = os.pipe()
        with self.assertRaises(OSError) as caught:
            _core.recv(read, 1, 0, None)
        self.assertEqual(caught.exception.errno, errno.ENOTSOCK)
        os.close(write)
        os.close(read)
        for call in (
            lambda: _core.recv(read, 1, 0, None),
            lambda: _core.wait_fd(read, select.POLLIN),
            lambda: _core.accept(-1, None),
            lambda: _core.close(read),
        ):
            with self.assertRaises(OSError) as caught:
                call()
            self.assertEqual(caught.exception.errno, errno.EBADF)

    def test_a_number_that_is_another_sockets_by_now_is_waited_for_anew(self):
        # Closed as the standard library does unpatched, which tells nobody.
        for _ in range(3):
            mine, other = pair()
            with mine, other:
                _core.doubt(mine.fileno())
                thread = spawn(other.sendall, b"x")
                self.assertEqual(_core.recv(mine.fileno(), 9, 0, 20), b"x")
                thread.wait()
                with self.assertRaises(socket.timeout):
                    _core.recv(mine.fileno(), 9, 0, 0.001)


class Descriptors(unittest.TestCase):
    def test_any_descriptor_can_be_waited_for_both_ways(self):
        read, write = os.pipe()
        self.assertEqual(_core.wait_fd(write, select.POLLOUT), select.POLLOUT)
        self.assertEqual(_core.wait_fd(read, select.POLLIN, 0), 0)
        thread = waiting(_core.wait_fd, read, select.POLLIN)
        os.write(write, b"x")
        self.assertEqual(thread.wait(), select.POLLIN)
        mine, other = pair()
        both = select.POLLIN | select.POLLOUT
        self.assertEqual(_core.wait_fd(mine.fileno(), both), select.POLLOUT)
        other.sendall(b"x")
        self.assertEqual(_core.wait_fd(mine.fileno(), both), both)
        for fd in (read, write):
            os.close(fd)
        mine.close()
        other.close()

    def test_trampoline_waits_and_says_how_it_ended(self):
        mine, other = pair()
        with mine, other:
            self.assertIsNone(trampoline(mine, write=True))
            self.assertIsNone(trampoline(mine, read=True, write=True))
            with self.assertRaises(Timeout):
                trampoline(mine.fileno(), read=True, timeout=0.001)
            with self.assertRaises(ZeroDivisionError):
                trampoline(mine, read=True, timeout=0.001, timeout_exc=ZeroDivisionError)
            with self.assertRaises(ValueError):
                trampoline(mine)
            threads = [waiting(trampoline, mine, True) for _ in range(3)]
            other.sendall(b"x")
            for thread in threads:
                self.assertIsNone(thread.wait())

    def test_trampoline_tells_of_a_close(self):
        mine, other = pair()
        with other:
            closed = []

            def wait():
                trampoline(mine, read=True, mark_as_closed=lambda: closed.append(True))

            thread = spawn(wait)
            sleep(0.005)
            notify_close(mine.fileno())
            mine.close()
            with self.assertRaises(IOClosed):
                thread.wait()
            self.assertEqual(closed, [True])
            with self.assertRaises(IOClosed):
                trampoline(100_000, read=True)


class Listeners(unittest.TestCase):
    def test_a_listener_keeps_its_mode_and_gives_addresses(self):
        for blocking in (True, False):
            with green_socket.create_server(("127.0.0.1", 0)) as server:
                server.setblocking(blocking)
                with socket.create_connection(server.getsockname()) as client:
                    fd, address = _core.accept(server.fileno(), None)
                    self.assertEqual(address, client.getsockname())
                    self.assertTrue(os.get_blocking(fd))
                    self.assertFalse(os.get_inheritable(fd))
                    self.assertEqual(os.get_blocking(server.fileno()), blocking)
                    os.close(fd)

    def test_addresses_look_as_in_the_standard_library(self):
        folder = os.path.join("/tmp", "greenhub-%d" % os.getpid())
        places = [(socket.AF_UNIX, folder), (socket.AF_UNIX, b"\0" + folder.encode())]
        if socket.has_ipv6:
            places.append((socket.AF_INET6, ("::1", 0)))
        for family, place in places:
            with self.subTest(place), green_socket.socket(family) as server, socket.socket(
                family
            ) as client:
                try:
                    server.bind(place)
                except OSError as error:
                    self.assertEqual(family, socket.AF_INET6)
                    self.skipTest(str(error))
                server.listen(5)
                if family == socket.AF_UNIX:
                    client.bind(b"\0" + place.encode() if isinstance(place, str) else place + b"c")
                client.connect(server.getsockname())
                fd, address = _core.accept(server.fileno(), None)
                self.assertEqual(address, client.getsockname())
                os.close(fd)
            if isinstance(place, str):
                os.unlink(place)

    def test_many_acceptors_share_a_storm_of_connections(self):
        with green_socket.create_server(("127.0.0.1", 0), backlog=100) as server:
            taken = [0] * 5

            def accept(number):
                try:
                    while True:
                        _core.close(_core.accept(server.fileno(), None)[0])
                        taken[number] += 1
                except Kill:
                    pass

            threads = [spawn(accept, number) for number in range(5)]
            sleep(0.005)
            clients = [socket.create_connection(server.getsockname()) for _ in range(60)]
            with Timeout(30):
                while sum(taken) < 60:
                    sleep(0.001)
            self.assertTrue(all(taken), taken)
            for thread in threads:
                thread.kill(Kill())
            for client in clients:
                client.close()


class Signals(unittest.TestCase):
    def test_a_handler_runs_in_the_main_code_that_waits_and_may_raise(self):
        mine, other = pair()
        with mine, other:
            seen = []
            main = threading.main_thread().ident

            def comes():
                threading.Timer(0.02, signal.pthread_kill, (main, signal.SIGUSR1)).start()

            def handle(number, frame):
                seen.append(number)
                if len(seen) == 2:
                    raise Kill
                # Not before: two that are pending at a time are one.
                comes()

            before = signal.signal(signal.SIGUSR1, handle)
            self.addCleanup(signal.signal, signal.SIGUSR1, before)
            comes()
            with self.assertRaises(Kill):
                _core.recv(mine.fileno(), 1, 0, 30)
            self.assertEqual(len(seen), 2)

    def test_ctrl_c_ends_the_wait_of_the_main_code(self):
        program = """\
import os, signal, socket, threading
from greenhub import _core
a, b = socket.socketpair()
threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    _core.recv(a.fileno(), 1, 0, 30)
except KeyboardInterrupt:
    print("interrupted")
"""
        self.assertEqual(run_python(program).stdout, "interrupted\n")


if __name__ == "__main__":
    unittest.main()
