"""TLS over own sockets: cooperative in a program that patches nothing."""

import errno
import os
import shutil
import socket as standard
import ssl
import tempfile
import unittest

import greenhub
from conversation import Kill, make_certificate, waiting
from greenhub import socket
from greenhub._tls import SSLSocket
from greenhub.greenthread import spawn
from support import run_python


@unittest.skipUnless(shutil.which("openssl"), "no openssl to make certificates with")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.key, cls.cert = make_certificate(cls.folder.name)
        cls.context = ssl.create_default_context(cafile=cls.cert)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def secured(self):
        """A client and a server that have shaken hands, in one OS thread."""
        ours, theirs = socket.socketpair()
        server = spawn(greenhub.wrap_ssl, theirs, self.key, self.cert, server_side=True)
        client = greenhub.wrap_ssl(ours, ssl_context=self.context, server_hostname="localhost")
        made = client, server.wait()
        for sock in made:
            self.assertIsInstance(sock, ssl.SSLSocket)
            self.addCleanup(sock.close)
        return made

    def test_both_ends_talk_in_one_os_thread(self):
        client, server = self.secured()
        self.assertIsNotNone(client.cipher())
        self.assertEqual(client.getpeercert()["subject"], ((("commonName", "localhost"),),))
        data = os.urandom(2_000_000)
        thread = spawn(client.sendall, data)
        with server.makefile("rb") as file:
            self.assertEqual(file.read(len(data)), data)
            thread.wait()
            thread = waiting(file.readline)
            client.sendall(b"a line\n")
            self.assertEqual(thread.wait(), b"a line\n")
        client.shutdown(standard.SHUT_WR)
        self.assertEqual(server.recv(9), b"")

    def test_what_is_shown_is_the_timeout_that_was_set(self):
        client, server = self.secured()
        for timeout in (None, 0.01, 0.0):
            client.settimeout(timeout)
            self.assertEqual(client.gettimeout(), timeout)
            self.assertEqual(client.timeout, timeout)
            self.assertEqual(client.getblocking(), timeout != 0)
        with self.assertRaises(ssl.SSLWantReadError):
            client.recv(1)
        client.settimeout(0.01)
        with self.assertRaises(socket.timeout) as caught:
            client.recv(1)
        self.assertEqual(str(caught.exception), "The read operation timed out")
        with self.assertRaises(socket.timeout):
            client.sendall(bytes(50_000_000))
        with self.assertRaises(ValueError):
            client.settimeout(-1)

    def test_a_handshake_that_nobody_answers(self):
        ours, theirs = socket.socketpair()
        ours.settimeout(0.01)
        with theirs, self.assertRaises(socket.timeout):
            greenhub.wrap_ssl(ours)
        ours, theirs = socket.socketpair()
        thread = waiting(greenhub.wrap_ssl, ours)
        error = Kill()
        thread.kill(error)
        with theirs, self.assertRaises(Kill) as caught:
            thread.wait()
        self.assertIs(caught.exception, error)

    def test_a_kill_raises_the_very_instance(self):
        client, server = self.secured()
        for call in (lambda: client.recv(1), lambda: client.sendall(bytes(50_000_000))):
            error = Kill()
            thread = waiting(call)
            thread.kill(error)
            with self.assertRaises(Kill) as caught:
                thread.wait()
            self.assertIs(caught.exception, error)

    def test_who_closes_it_ends_the_wait(self):
        client, _ = self.secured()
        thread = waiting(client.recv, 1)
        client.close()
        with self.assertRaises(OSError) as caught:
            thread.wait()
        self.assertEqual(caught.exception.errno, errno.EBADF)

    def test_what_is_unwrapped_is_a_plain_socket_that_suspends(self):
        client, server = self.secured()
        thread = spawn(server.unwrap)
        plain = client.unwrap()
        theirs = thread.wait()
        self.assertIs(plain, client)
        thread = waiting(plain.recv, 9)
        theirs.sendall(b"plain")
        self.assertEqual(thread.wait(), b"plain")

    def test_a_listener_and_a_socket_that_connects_later(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        with greenhub.listen(("127.0.0.1", 0)) as listener:
            server = greenhub.wrap_ssl(listener, server_side=True, ssl_context=context)
            with server:
                thread = spawn(server.accept)
                client = greenhub.wrap_ssl(
                    socket.socket(), ssl_context=self.context, server_hostname="localhost"
                )
                with client:
                    client.connect(server.getsockname())
                    accepted, address = thread.wait()
                    with accepted:
                        self.assertIs(type(accepted), SSLSocket)
                        self.assertEqual(address, client.getsockname())
                        thread = waiting(accepted.recv, 9)
                        client.sendall(b"x")
                        self.assertEqual(thread.wait(), b"x")

    def test_a_socket_of_the_standard_librarys_stays_its_own(self):
        ours, theirs = standard.socketpair()
        with theirs:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            secure = greenhub.wrap_ssl(ours, ssl_context=context, do_handshake_on_connect=False)
            with secure:
                self.assertIs(type(secure), ssl.SSLSocket)

    def test_slow_calls_take_their_time_together_unpatched(self):
        program = """\
import sys, time
import greenhub
from greenhub import socket
key, cert = sys.argv[1:]

def slow(connection, address):
    with greenhub.wrap_ssl(connection, key, cert, server_side=True) as secure:
        data = secure.recv(9)
        greenhub.sleep(0.2)
        secure.sendall(data)

def call():
    with greenhub.wrap_ssl(greenhub.connect(server.getsockname())) as secure:
        secure.sendall(b"x")
        assert secure.recv(9) == b"x"

server = greenhub.listen(("127.0.0.1", 0))
greenhub.spawn(greenhub.serve, server, slow)
begin = time.monotonic()
for thread in [greenhub.spawn(call) for _ in range(30)]:
    thread.wait()
print("together" if time.monotonic() - begin < 5 else "one by one")
"""
        done = run_python(program, self.key, self.cert)
        self.assertEqual((done.stdout, done.stderr), ("together\n", ""))


if __name__ == "__main__":
    unittest.main()
