"""Listening, connecting, serving, and TLS as it was asked for."""

import errno
import os
import shutil
import socket
import ssl
import tempfile
import threading
import unittest

import greenhub
from conversation import make_certificate
from greenhub.convenience import StopServe, connect, listen, serve, wrap_ssl
from greenhub.greenthread import GreenletExit, kill, sleep, spawn
from greenhub.queue import Queue
from greenhub.timeout import Timeout


class Oops(Exception):
    """Raised by the tests' handlers."""


class Sockets(unittest.TestCase):
    def test_what_connects_reaches_what_listens(self):
        with listen(("127.0.0.1", 0)) as server:
            with connect(server.getsockname(), bind=("127.0.0.1", 0)) as client:
                connection, address = server.accept()
                with connection:
                    self.assertEqual(address, client.getsockname())
                    client.sendall(b"x")
                    self.assertEqual(connection.recv(1), b"x")

    def test_a_unix_socket_is_listened_at_too(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with listen(path, family=socket.AF_UNIX) as server:
                with connect(path, family=socket.AF_UNIX) as client:
                    server.accept()[0].close()
                    self.assertEqual(client.recv(1), b"")

    def test_a_port_is_shared_only_if_asked_for(self):
        with listen(("127.0.0.1", 0)) as first:
            with self.assertRaises(OSError) as caught:
                listen(first.getsockname())
            self.assertEqual(caught.exception.errno, errno.EADDRINUSE)
        with listen(("127.0.0.1", 0), reuse_port=True) as first:
            listen(first.getsockname(), reuse_port=True).close()

    def test_what_fails_is_an_error_that_leaves_no_socket(self):
        with listen(("127.0.0.1", 0)) as server:
            address = server.getsockname()
        with self.assertRaises(ConnectionRefusedError):
            connect(address)


class Listener:
    """What `serve` needs of a socket, with connections from a queue."""

    def __init__(self):
        self.arrivals = Queue()

    def accept(self):
        arrival = self.arrivals.get()
        if isinstance(arrival, BaseException):
            raise arrival
        return arrival, "address of %s" % arrival.name


class Connection:
    """Knows whether it was closed."""

    def __init__(self, name):
        self.name = name
        self.closed = False

    def close(self):
        self.closed = True


class Serving(unittest.TestCase):
    def setUp(self):
        self.listener = Listener()
        self.handled = []
        self.connections = [Connection(name) for name in "abc"]

    def arrive(self, *arrivals):
        for arrival in arrivals:
            self.listener.arrivals.put(arrival)

    def handle(self, connection, address):
        self.handled.append((connection.name, address))
        sleep(0.001)

    def test_each_connection_is_handled_and_closed(self):
        server = spawn(serve, self.listener, self.handle)
        self.arrive(*self.connections)
        with Timeout(30):
            while not all(connection.closed for connection in self.connections):
                sleep(0.001)
        self.assertEqual(self.handled, [(name, "address of " + name) for name in "abc"])
        server.kill()
        with self.assertRaises(GreenletExit):
            server.wait()

    def test_stop_serve_has_it_return_whether_raised_or_thrown(self):
        def stop(connection, address):
            raise StopServe

        server = spawn(serve, self.listener, stop)
        self.arrive(self.connections[0])
        self.assertIsNone(server.wait())
        self.assertTrue(self.connections[0].closed)
        server = spawn(serve, self.listener, stop)
        sleep(0)
        kill(server, StopServe)
        self.assertIsNone(server.wait())

    def test_an_exception_of_a_handler_is_raised_by_the_server_and_reported_nowhere(self):
        seen = []
        before = greenhub.set_excepthook(lambda name, error: seen.append(error))
        self.addCleanup(greenhub.set_excepthook, before)
        error = Oops()

        def handle(connection, address):
            raise error

        server = spawn(serve, self.listener, handle)
        self.arrive(self.connections[0])
        with self.assertRaises(Oops) as caught:
            server.wait()
        self.assertIs(caught.exception, error)
        sleep(0.01)
        self.assertEqual(seen, [])

    def test_a_handler_that_is_killed_or_late_does_not_end_the_server(self):
        seen = []
        before = greenhub.set_excepthook(lambda name, error: seen.append(type(error)))
        self.addCleanup(greenhub.set_excepthook, before)

        def handle(connection, address):
            if connection.name == "a":
                raise GreenletExit
            with Timeout(0.001):
                sleep(60)

        server = spawn(serve, self.listener, handle)
        self.arrive(*self.connections[:2])
        with Timeout(30):
            while not seen:
                sleep(0.001)
        self.assertFalse(server.dead)
        server.kill()
        self.assertEqual(seen, [Timeout])

    def test_no_more_are_handled_at_a_time_than_asked_for(self):
        inside = []
        most = []

        def handle(connection, address):
            inside.append(connection)
            most.append(len(inside))
            sleep(0.002)
            inside.remove(connection)

        server = spawn(serve, self.listener, handle, concurrency=2)
        self.arrive(*self.connections)
        with Timeout(30):
            while not self.connections[2].closed:
                sleep(0.001)
        server.kill()
        self.assertEqual(max(most), 2)

    def test_peers_that_have_gone_and_a_lack_of_descriptors_do_not_end_it(self):
        server = spawn(serve, self.listener, self.handle)
        self.arrive(OSError(errno.ECONNABORTED, ""), OSError(errno.EMFILE, ""))
        self.arrive(self.connections[0])
        with Timeout(30):
            while not self.handled:
                sleep(0.001)
        self.arrive(OSError(errno.EBADF, "closed"))
        with self.assertRaises(OSError):
            server.wait()


@unittest.skipUnless(shutil.which("openssl"), "no openssl to make certificates with")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.key, cls.cert = make_certificate(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def talk(self, **client):
        """What a client with these arguments reads from a server with our certificate."""
        ours, theirs = socket.socketpair()
        ours.settimeout(30)
        theirs.settimeout(30)

        def main():
            try:
                with wrap_ssl(theirs, self.key, self.cert, server_side=True) as server:
                    server.sendall(b"hello")
            except OSError:
                # The client has refused: that is for the test to see.
                theirs.close()

        os_thread = threading.Thread(target=main)
        os_thread.start()
        try:
            with wrap_ssl(ours, **client) as secure:
                return secure.recv(5)
        finally:
            ours.close()
            os_thread.join()

    def test_without_a_demand_anybody_will_do(self):
        self.assertEqual(self.talk(), b"hello")

    def test_a_certificate_that_is_demanded_is_checked(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.talk(cert_reqs=ssl.CERT_REQUIRED)

    def test_the_authority_named_is_believed(self):
        trust = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": self.cert}
        self.assertEqual(self.talk(**trust), b"hello")
        self.assertEqual(self.talk(server_hostname="localhost", **trust), b"hello")
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.talk(server_hostname="example.org", **trust)

    def test_a_context_is_used_as_it_is(self):
        context = ssl.create_default_context(cafile=self.cert)
        answer = self.talk(ssl_context=context, server_hostname="localhost")
        self.assertEqual(answer, b"hello")
        with self.assertRaises(ssl.SSLError):
            self.talk(ciphers="no such cipher")


if __name__ == "__main__":
    unittest.main()
