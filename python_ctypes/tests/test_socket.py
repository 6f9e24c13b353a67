"""Own sockets: the standard library's in everything but that they suspend, patched or not."""

import array
import errno
import fcntl
import gc
import os
import socket as standard
import struct
import tempfile
import time
import unittest
import warnings

import greenhub
from conversation import Kill, connected, waiting
from greenhub import socket
from greenhub.greenthread import sleep, spawn


def is_nonblocking(sock):
    return bool(fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK)


class Kinds(unittest.TestCase):
    """What makes a socket, and what that is."""

    def test_it_is_one_of_the_standard_librarys(self):
        with socket.socket() as sock:
            self.assertIsInstance(sock, standard.socket)
            self.assertEqual(sock.family, standard.AF_INET)
            self.assertIn("greenhub.socket.socket", repr(sock))
            self.assertTrue(sock.fileno() >= 0)
        self.assertEqual(sock.fileno(), -1)
        self.assertIn("[closed]", repr(sock))
        self.assertIs(socket.AF_UNIX, standard.AF_UNIX)
        self.assertIs(socket.timeout, standard.timeout)

    def test_whatever_makes_one_makes_one_of_this_class(self):
        client, server = connected()
        with socket.socket(standard.AF_UNIX) as unix, socket.create_server(("", 0)) as listener:
            made = [client, server, unix, listener, *socket.socketpair()]
            made += [made[4].dup(), socket.fromfd(client.fileno(), client.family, client.type)]
            made.append(socket.socket(fileno=os.dup(client.fileno())))
            made += [greenhub.listen(("127.0.0.1", 0))]
            made += [greenhub.connect(made[-1].getsockname())]
            for sock in made:
                self.assertIs(type(sock), socket.socket)
                sock.close()

    def test_timeouts_and_modes_are_the_interpreters(self):
        mine, other = socket.socketpair()
        theirs, _ = standard.socketpair()
        for steps in (
            [],
            ["settimeout", 5],
            ["settimeout", 0],
            ["settimeout", None],
            ["setblocking", False],
            ["setblocking", True],
        ):
            for sock in (mine, theirs):
                if steps:
                    getattr(sock, steps[0])(steps[1])
            self.assertEqual(mine.gettimeout(), theirs.gettimeout())
            self.assertEqual(mine.getblocking(), theirs.getblocking())
            self.assertEqual(is_nonblocking(mine), is_nonblocking(theirs))
        thread = waiting(mine.recv, 1)
        self.assertFalse(is_nonblocking(mine))
        other.sendall(b"x")
        thread.wait()
        for sock in (mine, other, theirs, _):
            sock.close()

    def test_the_default_timeout_holds(self):
        self.addCleanup(standard.setdefaulttimeout, standard.getdefaulttimeout())
        standard.setdefaulttimeout(0.005)
        mine, other = socket.socketpair()
        with mine, other, self.assertRaises(socket.timeout):
            mine.recv(1)

    def test_detach_gives_the_descriptor_away(self):
        mine, other = socket.socketpair()
        fd = mine.detach()
        self.assertEqual(mine.fileno(), -1)
        with self.assertRaises(OSError) as caught:
            mine.recv(1)
        self.assertEqual(caught.exception.errno, errno.EBADF)
        again = standard.socket(fileno=fd)
        other.sendall(b"x")
        self.assertEqual(again.recv(1), b"x")
        again.close()
        other.close()

    def test_one_that_nobody_closes_is_told_of_and_its_number_is_not_taken_for_another(self):
        mine, other = socket.socketpair()
        with self.assertRaises(socket.timeout):
            mine.settimeout(0.001)
            mine.recv(9)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            del mine, other
            gc.collect()
        self.assertEqual({warning.category for warning in told}, {ResourceWarning})
        mine, other = socket.socketpair()
        mine.settimeout(20)
        thread = spawn(other.sendall, b"x")
        self.assertEqual(mine.recv(9), b"x")
        thread.wait()
        mine.close()
        other.close()


class Streams(unittest.TestCase):
    #: Methods that the class under test has in place of its own.
    instead = {}

    def setUp(self):
        self.mine, self.other = connected()
        if self.instead:
            kind = type("Plain", (socket.socket,), {"__slots__": (), **self.instead})
            self.mine, self.other = (kind(fileno=s.detach()) for s in (self.mine, self.other))
        self.addCleanup(self.mine.close)
        self.addCleanup(self.other.close)

    def test_what_comes_later_is_waited_for_while_others_run(self):
        for call, expected in (
            (lambda: self.mine.recv(9), b"later"),
            (lambda: self.mine.recv(9, 0), b"later"),
            (lambda: self.mine.recv_into(bytearray(9)), 5),
            (lambda: self.mine.recv_into(bytearray(9), nbytes=2, flags=standard.MSG_PEEK), 2),
            (lambda: self.mine.recvfrom(9)[0], b"later"),
            (lambda: self.mine.recvfrom_into(bytearray(9))[0], 5),
            (lambda: self.mine.recvmsg(9)[0], b"later"),
            (lambda: self.mine.recvmsg_into([bytearray(9)])[0], 5),
        ):
            for timeout in (None, 20):
                self.mine.settimeout(timeout)
                thread = waiting(call)
                self.other.sendall(b"later")
                self.assertEqual(thread.wait(), expected)
                self.mine.settimeout(0)
                try:
                    self.mine.recv(9)
                except BlockingIOError:
                    pass

    def test_a_limit_raises_what_the_standard_library_raises(self):
        self.mine.settimeout(0.005)
        for call in (
            lambda: self.mine.recv(9),
            lambda: self.mine.recv_into(bytearray(9)),
            lambda: self.mine.recvfrom(9),
            lambda: self.mine.recvmsg(9),
            lambda: self.mine.sendall(bytes(30_000_000)),
        ):
            with self.assertRaises(socket.timeout) as caught:
                call()
            self.assertEqual(str(caught.exception), "timed out")

    def test_in_non_blocking_mode_nothing_waits(self):
        self.mine.setblocking(False)
        for call in (
            lambda: self.mine.recv(9),
            lambda: self.mine.recv_into(bytearray(9)),
            lambda: self.mine.recvfrom(9),
            lambda: self.mine.recvmsg_into([bytearray(9)]),
        ):
            with self.assertRaises(BlockingIOError):
                call()
        with self.assertRaises(BlockingIOError):
            while True:
                self.mine.send(bytes(1 << 20))

    def test_everything_is_sent_however_long_it_takes(self):
        data = os.urandom(5_000_000)
        thread = spawn(self.mine.sendall, data)
        got = bytearray()
        while len(got) < len(data):
            got += self.other.recv(1 << 20)
        self.assertIsNone(thread.wait())
        self.assertEqual(got, data)
        sent = self.mine.send(array.array("i", [1, 2, 3]))
        self.assertEqual((sent, self.other.recv(99)), (12, struct.pack("iii", 1, 2, 3)))

    def test_a_file_is_sent_while_others_run(self):
        with tempfile.TemporaryFile() as file:
            file.write(bytes(3_000_000))
            file.seek(0)
            thread = spawn(self.mine.sendfile, file)
            left = 3_000_000
            while left:
                left -= len(self.other.recv(1 << 20))
            self.assertEqual(thread.wait(), 3_000_000)

    def test_files_made_of_it_suspend(self):
        with self.mine.makefile("rwb") as file, self.other.makefile("rw", newline="\n") as text:
            thread = waiting(file.readline)
            text.write("a line\n")
            text.flush()
            self.assertEqual(thread.wait(), b"a line\n")
            thread = waiting(text.readline)
            file.write(b"another\n")
            file.flush()
            self.assertEqual(thread.wait(), "another\n")
            self.mine.close()
            # As ever: the file keeps the connection open.
            file.write(b"still\n")
            file.flush()
            self.assertEqual(text.readline(), "still\n")

    def test_a_kill_raises_the_very_instance(self):
        for call in (
            lambda: self.mine.recv(9),
            lambda: self.mine.recvfrom(9),
            lambda: self.mine.recv_into(bytearray(1)),
            lambda: self.mine.sendall(bytes(50_000_000)),
            lambda: self.mine.makefile("rb").readline(),
        ):
            error = Kill()
            thread = waiting(call)
            thread.kill(error)
            with self.assertRaises(Kill) as caught:
                thread.wait()
            self.assertIs(caught.exception, error)

    def test_who_closes_it_ends_the_waits(self):
        threads = [waiting(self.mine.recv, 9) for _ in range(3)]
        self.mine.close()
        for thread in threads:
            with self.assertRaises(OSError) as caught:
                thread.wait()
            self.assertEqual(caught.exception.errno, errno.EBADF)

    def test_a_shutdown_ends_what_waits_on_either_side(self):
        pairs = [(self.mine, self.other), socket.socketpair()]
        for mine, other in pairs:
            thread = waiting(other.recv, 9)
            mine.shutdown(standard.SHUT_WR)
            self.assertEqual(thread.wait(), b"")
            with self.assertRaises(BrokenPipeError):
                mine.send(b"x")
            thread = waiting(mine.recv, 9)
            mine.shutdown(standard.SHUT_RD)
            self.assertEqual(thread.wait(), b"")
            mine.close()
            other.close()

    def test_a_reset_is_an_error(self):
        thread = waiting(self.mine.recv, 9)
        self.other.setsockopt(standard.SOL_SOCKET, standard.SO_LINGER, struct.pack("ii", 1, 0))
        self.other.close()
        with self.assertRaises(ConnectionResetError):
            thread.wait()

    def test_what_is_wrong_is_told_as_in_the_standard_library(self):
        with self.assertRaises(TypeError):
            self.mine.send("text")
        with self.assertRaises(TypeError):
            self.mine.recv()
        with self.assertRaises(TypeError):
            self.mine.sendall(b"", 0, 0)
        with self.assertRaises(TypeError):
            self.mine.recv("9")
        with self.assertRaises(ValueError):
            self.mine.recv(-1)
        for size in (1 << 62, (1 << 63) - 1):
            with self.assertRaises((MemoryError, OverflowError)) as mine:
                self.mine.recv(size)
            with self.assertRaises(type(mine.exception)) as usual:
                standard.socket.recv(self.mine, size)
            self.assertEqual(str(mine.exception), str(usual.exception))
        with self.assertRaises(ValueError):
            self.mine.recv_into(bytearray(1), 2)
        with self.assertRaises(TypeError):
            socket.socket.recv(standard.socket, 1)
        with self.assertRaises(TypeError):
            self.mine.sendto(b"x")

    def test_what_is_not_connected_does_not_spin(self):
        for timeout in (None, 5):
            with socket.socket() as alone:
                alone.settimeout(timeout)
                for call in (lambda: alone.recv(1), lambda: alone.sendall(b"x")):
                    begin = time.process_time()
                    with self.assertRaises(OSError) as caught:
                        call()
                    self.assertIn(caught.exception.errno, (errno.ENOTCONN, errno.EPIPE))
                    self.assertLess(time.process_time() - begin, 1)


class StreamsByName(Streams):
    """The same on an interpreter whose sockets look otherwise than those that are known."""

    instead = socket._replaced

    def test_there_is_something_to_test(self):
        self.assertEqual(sorted(self.instead), ["recv", "send", "sendall"])


class Datagrams(unittest.TestCase):
    def test_messages_are_waited_for_and_stay_apart(self):
        with socket.socket(type=standard.SOCK_DGRAM) as mine:
            mine.bind(("127.0.0.1", 0))
            with socket.socket(type=standard.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", 0))
                for timeout in (None, 20):
                    mine.settimeout(timeout)
                    thread = waiting(mine.recvfrom, 100)
                    other.sendto(b"one", mine.getsockname())
                    other.sendto(b"two", 0, ("localhost", mine.getsockname()[1]))
                    message, address = thread.wait()
                    self.assertEqual((message, address[0]), (b"one", "127.0.0.1"))
                    buffer = bytearray(3)
                    self.assertEqual(mine.recvfrom_into(buffer), (3, other.getsockname()))
                    self.assertEqual(buffer, b"two")

    def test_a_receiver_that_is_full_is_waited_for_without_spinning(self):
        with tempfile.TemporaryDirectory() as folder:
            place = os.path.join(folder, "socket")
            kind = standard.AF_UNIX, standard.SOCK_DGRAM
            with socket.socket(*kind) as mine, socket.socket(*kind) as other:
                mine.bind(place)
                other.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    while True:
                        other.sendto(b"x", place)
                for timeout in (None, 20):
                    other.settimeout(timeout)
                    thread = waiting(other.sendto, b"y", place)
                    begin = time.process_time()
                    sleep(0.1)
                    self.assertLess(time.process_time() - begin, 0.09)
                    mine.recv(9)
                    self.assertEqual(thread.wait(), 1)
                other.settimeout(0.01)
                with self.assertRaises(socket.timeout):
                    other.sendmsg([b"z"], [], 0, place)

    def test_descriptors_are_passed(self):
        mine, other = socket.socketpair()
        with mine, other, tempfile.TemporaryFile() as file:
            fds = array.array("i", [file.fileno()])
            rights = (standard.SOL_SOCKET, standard.SCM_RIGHTS, fds)
            thread = waiting(mine.recvmsg, 10, standard.CMSG_SPACE(fds.itemsize))
            self.assertEqual(other.sendmsg([b"a", b"b"], [rights]), 2)
            data, ancillary, _, _ = thread.wait()
            self.assertEqual(data, b"ab")
            fds.frombytes(ancillary[0][2][: fds.itemsize])
            self.assertTrue(os.path.sameopenfile(fds[1], file.fileno()))
            os.close(fds[1])


class Connecting(unittest.TestCase):
    def test_names_are_looked_up_while_others_run(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            for make in (
                lambda: socket.create_connection(("localhost", port)),
                lambda: greenhub.connect(("localhost", port)),
            ):
                with make() as client:
                    self.assertEqual(client.getpeername(), ("127.0.0.1", port))
        with self.assertRaises(standard.gaierror), socket.socket() as sock:
            sock.connect(("no such name.invalid", 80))

    def test_who_refuses_is_told_of(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
        for timeout in (None, 5):
            with socket.socket() as sock:
                sock.settimeout(timeout)
                with self.assertRaises(ConnectionRefusedError):
                    sock.connect(address)
                self.assertEqual(sock.gettimeout(), timeout)
                self.assertEqual(is_nonblocking(sock), timeout is not None)
            with socket.socket() as sock:
                sock.settimeout(timeout)
                self.assertEqual(sock.connect_ex(address), errno.ECONNREFUSED)

    def full(self):
        """A listener that has no room for another connection."""
        server = socket.socket()
        self.addCleanup(server.close)
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(8):
            client = socket.socket()
            self.addCleanup(client.close)
            client.settimeout(0.02)
            if client.connect_ex(server.getsockname()):
                return server
        raise AssertionError("there is always room")

    def test_a_connection_that_takes_too_long(self):
        server = self.full()
        with socket.socket() as sock:
            sock.settimeout(0.01)
            with self.assertRaises(socket.timeout) as caught:
                sock.connect(server.getsockname())
            self.assertEqual(str(caught.exception), "timed out")
            self.assertEqual(sock.gettimeout(), 0.01)
        with socket.socket() as sock:
            sock.settimeout(0)
            with self.assertRaises(BlockingIOError):
                sock.connect(server.getsockname())

    def test_a_kill_ends_it_and_others_have_run(self):
        server = self.full()
        error = Kill()
        with socket.socket() as sock:
            thread = waiting(sock.connect, server.getsockname())
            thread.kill(error)
            with self.assertRaises(Kill) as caught:
                thread.wait()
            self.assertIs(caught.exception, error)
            self.assertIsNone(sock.gettimeout())

    def test_a_unix_listener_without_room_is_waited_for(self):
        with tempfile.TemporaryDirectory() as folder:
            place = os.path.join(folder, "socket")
            with greenhub.listen(place, family=standard.AF_UNIX, backlog=0) as server:
                first = greenhub.connect(place, family=standard.AF_UNIX)
                thread = waiting(greenhub.connect, place, standard.AF_UNIX)
                with socket.socket(standard.AF_UNIX) as late:
                    late.settimeout(0.005)
                    with self.assertRaises(socket.timeout):
                        late.connect(place)
                server.accept()[0].close()
                thread.wait().close()
                first.close()


class Serving(unittest.TestCase):
    def test_a_listener_serves_and_shares_its_connections(self):
        def echo(connection, address):
            with connection.makefile("rb") as lines:
                for line in lines:
                    connection.sendall(line)

        with greenhub.listen(("127.0.0.1", 0)) as server:
            thread = spawn(greenhub.serve, server, echo)

            def talk(number):
                with greenhub.connect(server.getsockname()) as client:
                    file = client.makefile("rb")
                    for turn in range(5):
                        client.sendall(b"%d %d\n" % (number, turn))
                        self.assertEqual(file.readline(), b"%d %d\n" % (number, turn))
                    file.close()

            for talking in [spawn(talk, number) for number in range(50)]:
                talking.wait()
            thread.kill()

    def test_a_limit_and_a_mode_hold_for_accept(self):
        with greenhub.listen(("127.0.0.1", 0)) as server:
            server.settimeout(0.005)
            with self.assertRaises(socket.timeout):
                server.accept()
            server.setblocking(False)
            with self.assertRaises(BlockingIOError):
                server.accept()
            server.settimeout(5)
            with greenhub.connect(server.getsockname()) as client:
                accepted, address = server.accept()
                with accepted:
                    self.assertEqual(address, client.getsockname())
                    self.assertIsNone(accepted.gettimeout())
                    self.assertFalse(is_nonblocking(accepted))

    def test_who_closes_the_listener_ends_serve(self):
        server = greenhub.listen(("127.0.0.1", 0))
        thread = waiting(greenhub.serve, server, print)
        server.close()
        with self.assertRaises(OSError) as caught:
            thread.wait()
        self.assertEqual(caught.exception.errno, errno.EBADF)


if __name__ == "__main__":
    unittest.main()
