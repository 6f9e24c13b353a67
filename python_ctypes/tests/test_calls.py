"""The library called through ctypes by plain code of the main thread."""

from __future__ import annotations

import ctypes
import errno
import socket
import threading
import time
import unittest
from typing import Any

import greenhub
from greenhub import _bindings
from greenhub._library import library
from support import HEADER, c_header

MILLISECOND = 1_000_000


class Clock(unittest.TestCase):
    def test_it_is_the_monotonic_clock_of_python(self) -> None:
        before = time.monotonic_ns()
        now = library.gh_now()
        self.assertLessEqual(before, now)
        self.assertLessEqual(now, time.monotonic_ns())
        self.assertGreaterEqual(library.gh_after_ms(5), now + 5 * MILLISECOND)

    def test_sleep_does_not_wake_early(self) -> None:
        start = time.monotonic_ns()
        self.assertEqual(library.gh_sleep_ms(20), 0)
        self.assertGreaterEqual(time.monotonic_ns() - start, 20 * MILLISECOND)

    def test_a_deadline_that_never_comes_is_whole(self) -> None:
        self.assertEqual(library.gh_after_ms(2**62), _bindings.GH_NEVER)


class Sockets(unittest.TestCase):
    """Descriptors that Python made. Those that the library has seen are closed by it."""

    def setUp(self) -> None:
        self.near, self.far = socket.socketpair()
        self.addCleanup(self.far.close)
        self.addCleanup(lambda: self.near.fileno() < 0 or library.gh_close(self.near.detach()))
        self.buffer = ctypes.create_string_buffer(64)

    def receive(self, deadline: int) -> int:
        return library.gh_recv(self.near.fileno(), self.buffer, len(self.buffer), 0, deadline)

    def test_a_wait_ends_at_its_deadline_and_not_before(self) -> None:
        start = time.monotonic_ns()
        self.assertEqual(self.receive(library.gh_after_ms(30)), -errno.ETIMEDOUT)
        self.assertGreaterEqual(time.monotonic_ns() - start, 30 * MILLISECOND)

    def test_bytes_come_in(self) -> None:
        self.far.sendall(b"hello")
        self.assertEqual(self.receive(library.gh_after_ms(10_000)), 5)
        self.assertEqual(self.buffer.raw[:5], b"hello")

    def test_bytes_go_out_and_are_counted(self) -> None:
        sent = ctypes.c_size_t()
        text = b"back again"
        deadline = library.gh_after_ms(10_000)
        result = library.gh_send_all(
            self.near.fileno(), text, len(text), 0, ctypes.byref(sent), deadline
        )
        self.assertEqual((result, sent.value), (len(text), len(text)))
        self.assertEqual(self.far.recv(64), text)

    def test_the_end_of_the_file_is_no_error(self) -> None:
        self.far.close()
        self.assertEqual(self.receive(library.gh_after_ms(10_000)), 0)

    def test_a_closed_descriptor_is_told(self) -> None:
        number = self.near.detach()
        self.assertEqual(library.gh_close(number), 0)
        self.assertEqual(library.gh_recv(number, self.buffer, len(self.buffer), 0, 0), -errno.EBADF)


class Errors(unittest.TestCase):
    own = c_header.parse(HEADER.read_text(encoding="utf-8")).enum("gh_error")

    def test_each_of_our_own_has_its_name_and_a_text_that_is_no_other_s(self) -> None:
        self.assertGreaterEqual(len(self.own), 6)
        for name, number in self.own.items():
            self.assertEqual(library.gh_err_name(number), name.encode())
            self.assertEqual(getattr(_bindings, name), number)
        texts = {library.gh_strerror(number) for number in self.own.values()}
        self.assertEqual(len(texts), len(self.own))
        self.assertNotIn(b"", texts)

    def test_the_system_s_have_names_and_texts(self) -> None:
        self.assertEqual(library.gh_err_name(-errno.ETIMEDOUT), b"ETIMEDOUT")
        for number in (errno.ETIMEDOUT, errno.ECANCELED, errno.EBADF):
            self.assertNotEqual(library.gh_strerror(-number), b"")

    def test_an_unknown_number_has_a_text(self) -> None:
        self.assertNotEqual(library.gh_strerror(-123456789), b"")

    def test_a_negative_code_finds_its_exception(self) -> None:
        error = OSError(errno.ETIMEDOUT, library.gh_strerror(-errno.ETIMEDOUT).decode())
        self.assertIsInstance(error, TimeoutError)


class Structs(unittest.TestCase):
    def test_structs_and_handles_pass_both_ways(self) -> None:
        seen: list[int] = []

        def make_hub() -> None:
            options = _bindings.gh_hub_options(stack_size=65536)
            options.size = ctypes.sizeof(options)
            hub = ctypes.c_void_p()
            seen.append(library.gh_hub_new(ctypes.byref(hub), options))
            stats = _bindings.gh_stats()
            size = ctypes.sizeof(stats)
            seen.append(library.gh_hub_stats(hub, ctypes.byref(stats), size))
            seen.append(stats.stack_size)
            seen.append(int(library.gh_hub_current() == hub.value))
            seen.append(library.gh_hub_free(hub, 0))
            seen.append(library.gh_hub_stats(hub, ctypes.byref(stats), size))

        # The main thread may have a hub already.
        thread = threading.Thread(target=make_hub)
        thread.start()
        thread.join()
        self.assertEqual(seen, [0, 0, 65536, 1, 0, _bindings.GH_ENOHUB])

    def test_a_null_callback_passes(self) -> None:
        seen: list[int] = []

        def visit(patched: Any, argument: int | None) -> int:
            seen.append(patched.contents.slots)
            return 0

        # The interpreter's own object has some once one of its threads has waited.
        greenhub.sleep(0)
        count = library.gh_patch_info(_bindings.gh_patch_visitor(visit), None)
        self.assertGreater(count, 0)
        self.assertEqual(count, sum(seen))
        self.assertEqual(library.gh_patch_info(_bindings.gh_patch_visitor(), None), count)

    def test_a_callback_of_python_is_called_by_the_hub(self) -> None:
        seen: list[int | None] = []
        callback = _bindings.gh_callback(seen.append)
        timer = _bindings.gh_timer()
        result = library.gh_timer_start(ctypes.byref(timer), 0, 0, callback, 7)
        self.assertEqual(result, 0)
        self.assertNotEqual(timer.value, 0)
        self.assertEqual(library.gh_sleep_ms(1), 0)
        self.assertEqual(seen, [7])

    def test_a_wrong_argument_is_an_exception_not_a_crash(self) -> None:
        with self.assertRaises(ctypes.ArgumentError):
            library.gh_sleep_ms("soon")  # type: ignore[arg-type]
        with self.assertRaises(ctypes.ArgumentError):
            library.gh_hub_stats(None, ctypes.c_int(), 0)  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
