"""The programs of examples/, from outside: processes that are talked to."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import PROJECT

EXAMPLES = PROJECT / "examples"


class Together(BaseHTTPRequestHandler):
    """A page with ten links, to pages of which none is given before all ten are asked for."""

    all_here = threading.Barrier(10)

    def do_GET(self) -> None:
        if self.path == "/":
            body = "".join('<a href="/%d">' % page for page in range(10)).encode()
        else:
            self.all_here.wait(30)
            body = b"no links"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody wants to know."""


class Examples(unittest.TestCase):
    def start(self, name: str, *arguments: str) -> int:
        """Starts a server, which is interrupted in the end, and gives its port."""
        server = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def stop() -> None:
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=30)
            self.assertEqual((errors, server.returncode), ("", 0))

        self.addCleanup(stop)
        assert server.stdout is not None
        line = server.stdout.readline()
        self.assertRegex(line, "^listening on ")
        return int(line.rpartition(":")[2])

    def connect(self, port: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.addCleanup(sock.close)
        return sock

    def crawl(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "crawler.py"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_the_crawler_finds_every_page(self) -> None:
        self.assertRegex(self.crawl(), r"^31 pages in [\d.]+ s\n$")

    def test_the_crawler_fetches_ten_pages_at_a_time(self) -> None:
        site = ThreadingHTTPServer(("127.0.0.1", 0), Together)
        self.addCleanup(site.server_close)
        server = threading.Thread(target=site.serve_forever)
        server.start()
        self.addCleanup(server.join)
        self.addCleanup(site.shutdown)
        answer = self.crawl("http://127.0.0.1:%d/" % site.server_port)
        self.assertRegex(answer, "^11 pages ")
        self.assertFalse(Together.all_here.broken)

    def test_people_talk_and_one_who_reads_nothing_is_dropped(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        door = os.path.join(folder, "door")
        port = self.start("chat_server.py", "0", door)

        def join(name: str) -> socket.socket:
            sock = self.connect(port)
            self.assertEqual(sock.recv(100), b"Your name? ")
            sock.sendall(name.encode() + b"\n")
            return sock

        ann = join("ann")
        ann_lines = ann.makefile("r")
        self.addCleanup(ann_lines.close)
        with socket.socket(socket.AF_UNIX) as prompt:
            prompt.settimeout(30)
            prompt.connect(door)
            answers = prompt.makefile("r")
            prompt.sendall(b"import greenhub\n")
            prompt.sendall(b"while 'ann' not in people: greenhub.sleep(0.001)\n\n")
            prompt.sendall(b"sorted(people)\nexit()\n")
            self.assertIn("['ann']", answers.read())
            answers.close()
        bob = join("bob")
        self.assertEqual(ann_lines.readline(), "* bob is here\n")
        bob.sendall(b"hello\n")
        self.assertEqual(ann_lines.readline(), "bob: hello\n")
        again = join("bob")
        self.assertEqual(again.recv(100), b"Not that one.\n")
        # Ann reads nothing while bob says more than the queue and the sockets hold.
        flood = threading.Thread(target=bob.sendall, args=((b"x" * 65536 + b"\n") * 400,))
        flood.start()
        with bob.makefile("r") as bob_lines:
            self.assertEqual(bob_lines.readline(), "* ann has left\n")
        flood.join(30)
        self.assertFalse(flood.is_alive())

    def test_the_forwarder_carries_both_directions_and_their_ends(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as target:
            target.settimeout(30)
            host, number = target.getsockname()
            port = self.start("port_forwarder.py", "0", host, str(number))
            client = self.connect(port)
            server, _ = target.accept()
            with server:
                server.settimeout(30)
                client.sendall(b"question")
                client.shutdown(socket.SHUT_WR)
                with server.makefile("rb") as asked:
                    self.assertEqual(asked.read(), b"question")
                server.sendall(b"answer" * 10000)
            with client.makefile("rb") as answered:
                self.assertEqual(answered.read(), b"answer" * 10000)
            refused = self.connect(port)
            server, _ = target.accept()
            server.close()
            self.assertEqual(refused.recv(1), b"")


if __name__ == "__main__":
    unittest.main()
