"""A prompt inside a running program, and who gets it."""

import builtins
import io
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

import greenhub
from greenhub import backdoor
from greenhub.greenthread import sleep, spawn


class Client:
    """Talks to a prompt from an OS thread's point of view, without waiting there."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.connect(address)
        self.sock.setblocking(False)
        self.text = ""

    def receive(self, until):
        """What has come, with ``until`` at the end."""
        while not self.text.endswith(until):
            if not self._some():
                raise AssertionError("ended after %r" % self.text)
        text, self.text = self.text, ""
        return text

    def rest(self):
        while self._some():
            pass
        return self.text

    def _some(self):
        while True:
            sleep(0.001)
            try:
                received = self.sock.recv(65536)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                return False
            self.text += received.decode()
            return bool(received)

    def ask(self, line, until=">>> "):
        self.sock.sendall(line.encode() + b"\n")
        return self.receive(until)

    def close(self):
        self.sock.close()


def streams():
    return sys.stdin, sys.stdout, sys.stderr, sys.displayhook


USUAL = streams()


class Case(unittest.TestCase):
    def unchanged(self):
        """The last clean-up: sessions end when their clients have gone, in their own time."""
        for _ in range(2000):
            if streams() == USUAL:
                return
            sleep(0.005)
        self.fail("the standard streams are not what they were")


class Prompts(Case):
    def setUp(self):
        self.addCleanup(self.unchanged)
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.path = os.path.join(folder, "door")
        self.names = {"found": []}
        self.server = spawn(backdoor.backdoor_server, backdoor.listen(self.path), self.names)
        self.addCleanup(self.server.kill)

    def connect(self, address=None):
        client = Client(address or self.path)
        self.addCleanup(client.close)
        client.receive(">>> ")
        return client

    def test_expressions_and_statements_of_several_lines_are_run(self):
        client = self.connect()
        self.assertEqual(client.ask("1 + 1"), "2\n>>> ")
        self.assertEqual(client.ask("for n in range(2):", "... "), "... ")
        self.assertEqual(client.ask("    print(n, 'é')", "... "), "... ")
        self.assertEqual(client.ask(""), "0 é\n1 é\n>>> ")
        self.assertEqual(client.ask("found.append('it')"), ">>> ")
        self.assertEqual(self.names["found"], ["it"])

    def test_exceptions_are_shown_and_the_prompt_goes_on(self):
        client = self.connect()
        shown = client.ask("1 // 0")
        self.assertIn("Traceback (most recent call last):", shown)
        self.assertIn("ZeroDivisionError", shown)
        self.assertIn("SyntaxError", client.ask("1 +* 1"))
        self.assertEqual(client.ask("5"), "5\n>>> ")

    def test_exit_and_the_end_of_input_end_the_session_only(self):
        first, second, third = self.connect(), self.connect(), self.connect()
        first.sock.sendall(b"exit()\n")
        self.assertEqual(first.rest(), "")
        second.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(second.rest(), "")
        self.assertEqual(third.ask("raise SystemExit(3)", ""), "")
        self.assertEqual(third.rest(), "")
        self.assertFalse(sys.stdin.closed)
        self.assertEqual(self.connect().ask("6"), "6\n>>> ")

    def test_two_prompts_at_once_and_the_program_keep_their_output_apart(self):
        first, second = self.connect(), self.connect()
        first.sock.sendall(b"import greenhub; greenhub.sleep(0.05); print('one')\n")
        self.assertEqual(second.ask("print('two')"), "two\n>>> ")
        self.assertEqual(first.receive(">>> "), "one\n>>> ")
        seen = []
        usual = sys.stdout._usual
        try:
            sys.stdout._usual = Writer(seen)
            print("of the program")
            worker = threading.Thread(target=print, args=("of an OS thread",))
            worker.start()
            worker.join()
            first.ask("print('for the prompt')")
            first.ask("greenhub.spawn(print, 'of a green thread').wait()")
        finally:
            sys.stdout._usual = usual
        text = "".join(seen)
        self.assertEqual(text, "of the program\nof an OS thread\nof a green thread\n")

    def test_the_last_value_is_the_session_s_and_not_the_program_s(self):
        client = self.connect()
        client.ask("'last'")
        self.assertEqual(client.ask("_ * 2"), "'lastlast'\n>>> ")
        self.assertFalse(hasattr(builtins, "_"))

    def test_input_and_help_speak_to_the_prompt(self):
        client = self.connect()
        client.ask("answer = input('which? ')", "which? ")
        self.assertEqual(client.ask("this one"), ">>> ")
        self.assertEqual(client.ask("answer"), "'this one'\n>>> ")
        self.assertIn("exit", client.ask("exit"))

    def test_a_kill_of_the_server_ends_it_and_no_session(self):
        client = self.connect()
        self.server.kill()
        self.assertTrue(self.server.dead)
        self.assertEqual(client.ask("7"), "7\n>>> ")
        with socket.socket(socket.AF_UNIX) as late, self.assertRaises(ConnectionRefusedError):
            late.connect(self.path)

    def test_a_session_can_be_killed_whatever_it_does(self):
        client = self.connect()
        client.ask("import greenhub; me = greenhub.getcurrent()")
        client.sock.sendall(b"greenhub.sleep(60)\n")
        sleep(0.02)
        self.names["me"].kill()
        self.assertEqual(client.rest(), "")
        waiting = self.connect()
        waiting.ask("me = greenhub.getcurrent()")
        self.names["me"].kill()
        self.assertEqual(waiting.rest(), "")

    def test_one_who_hangs_up_or_reads_nothing_disturbs_nobody(self):
        lazy, gone = self.connect(), self.connect()
        lazy.sock.sendall(b"print('x' * 10000000)\n")
        gone.sock.sendall(b"import greenhub\ngreenhub.sleep(0.02)\nprint('x')\nprint('y')\n")
        gone.close()
        self.assertEqual(self.connect().ask("8"), "8\n>>> ")
        sleep(0.05)
        self.assertEqual(self.connect().ask("9"), "9\n>>> ")

    def test_without_names_each_prompt_has_its_own(self):
        left, right = socket.socketpair()
        with left:
            backdoor.backdoor((right, ""))
            left.setblocking(False)
            client = Client.__new__(Client)
            client.sock, client.text = left, ""
            client.receive(">>> ")
            client.ask("mine = 1")
            self.assertEqual(client.ask("__name__"), "'__console__'\n>>> ")
        self.assertNotIn("mine", self.names)


class Writer(io.StringIO):
    """Standard output of the program, as a list."""

    def __init__(self, seen):
        super().__init__()
        self._seen = seen

    def write(self, text):
        self._seen.append(text)
        return len(text)


class Access(Case):
    def setUp(self):
        self.addCleanup(self.unchanged)
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "door")

    def serve(self, sock, **options):
        self.addCleanup(sock.close)
        server = spawn(backdoor.backdoor_server, sock, **options)
        self.addCleanup(server.kill)
        sleep(0)
        return server

    def test_only_the_owner_may_open_the_path_from_the_first_moment_on(self):
        before = os.umask(0)
        try:
            with backdoor.listen(self.path):
                self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        finally:
            os.umask(before)

    def test_a_path_that_was_left_behind_is_taken_over_and_nothing_else(self):
        backdoor.listen(self.path).close()
        with backdoor.listen(self.path):
            with self.assertRaisesRegex(OSError, "in use"):
                backdoor.listen(self.path)
        os.unlink(self.path)
        with open(self.path, "w"):
            pass
        with self.assertRaisesRegex(OSError, "in use"):
            backdoor.listen(self.path)
        self.assertTrue(os.path.exists(self.path))

    def test_a_socket_that_others_may_open_is_refused(self):
        wide = socket.socket(socket.AF_UNIX)
        wide.bind(self.path)
        os.chmod(self.path, 0o660)
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind("\0greenhub-test-%d" % os.getpid())
        everywhere = socket.socket()
        everywhere.bind(("0.0.0.0", 0))
        for sock in (wide, abstract, everywhere):
            sock.listen()
            with self.assertRaises(ValueError):
                self.serve(sock).wait()

    def test_loopback_is_there_for_who_listens_there(self):
        families = [(socket.AF_INET, "127.0.0.1")]
        if socket.has_ipv6:
            families.append((socket.AF_INET6, "::1"))
        for family, address in families:
            try:
                sock = greenhub.listen((address, 0), family)
            except OSError:
                continue
            self.serve(sock)
            client = socket.socket(family)
            with client:
                client.connect(sock.getsockname())
                client.setblocking(False)
                talker = Client.__new__(Client)
                talker.sock, talker.text = client, ""
                talker.receive(">>> ")
                self.assertEqual(talker.ask("2 * 3"), "6\n>>> ")

    def test_anyone_is_an_explicit_word(self):
        sock = socket.socket()
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        self.serve(sock, anyone=True)
        client = Client(("127.0.0.1", sock.getsockname()[1]))
        self.addCleanup(client.close)
        client.receive(">>> ")
        self.assertEqual(client.ask("2 * 3"), "6\n>>> ")

    def test_another_user_is_turned_away(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        self.serve(backdoor.listen(self.path))
        # Its mode would keep them out already.
        os.chmod(self.folder, 0o755)
        os.chmod(self.path, 0o666)
        program = """\
import os, socket, sys
os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
print(sock.recv(100))
"""
        with subprocess.Popen(
            [sys.executable, "-c", program, self.path], stdout=subprocess.PIPE, text=True
        ) as stranger:
            while stranger.poll() is None:
                sleep(0.005)
            self.assertEqual(stranger.stdout.read(), "b''\n")


class Programs(unittest.TestCase):
    def test_it_serves_in_a_patched_program_and_its_green_threads_are_seen(self):
        program = """\
import greenhub, socket, sys, tempfile, threading
greenhub.monkey_patch()
from greenhub import backdoor
path = tempfile.mkdtemp() + "/door"
server = greenhub.spawn(backdoor.backdoor_server, backdoor.listen(path), {"answer": 42})
def waits_for_ever():
    greenhub.Event().wait()
greenhub.spawn(waits_for_ever)
with socket.socket(socket.AF_UNIX) as client:
    client.connect(path)
    lines = client.makefile("rw")
    lines.write("answer\\nfrom greenhub import debug; debug.print_run_info()\\nexit()\\n")
    lines.flush()
    text = lines.read()
assert ">>> 42\\n" in text and "in waits_for_ever" in text, text
assert "backdoor-" in text, text
server.kill()
print("done")
"""
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("done\n", "", 0))


if __name__ == "__main__":
    unittest.main()
