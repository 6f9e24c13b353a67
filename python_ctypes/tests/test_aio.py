"""Green threads inside an asyncio loop, and coroutines that green threads wait for."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import greenhub
from greenhub import aio
from greenhub.greenthread import GreenletExit, sleep, spawn, spawn_after
from greenhub.patcher import is_monkey_patched


class Oops(Exception):
    """Raised by the tests."""


def add(a, b):
    sleep(0.005)
    return a + b


def fail(error):
    sleep(0)
    raise error


async def add_later(a, b):
    await asyncio.sleep(0.005)
    return a + b


async def fail_later(error):
    await asyncio.sleep(0)
    raise error


def run(main, seconds=30):
    """Runs main() as the only coroutine of a program that has installed the hub."""

    async def all_of_it():
        with aio.install():
            return await asyncio.wait_for(main(), seconds)

    return asyncio.run(all_of_it())


class Guests(unittest.TestCase):
    def test_green_threads_run_while_the_loop_does(self):
        log = []

        def worker(name):
            while len(log) < 30:
                log.append(name)
                before = len(log)
                # Nobody adds two in a row.
                while len(log) == before < 30:
                    sleep(0.001)

        async def main():
            threads = [spawn(worker, name) for name in "ab"]
            while len(log) < 30:
                log.append("loop")
                before = len(log)
                while len(log) == before < 30:
                    await asyncio.sleep(0.001)
            for thread in threads:
                await thread

        run(main)
        self.assertEqual(set(log), {"a", "b", "loop"})

    def test_what_a_callback_of_the_loop_makes_ready_runs(self):
        async def main():
            queue, event = greenhub.Queue(), greenhub.Event()
            getter, waiter = spawn(queue.get), spawn(event.wait)
            await asyncio.sleep(0.01)
            queue.put("item")
            self.assertEqual(await getter, "item")
            event.send("sent")
            self.assertEqual(await waiter, "sent")
            # Neither a timer nor a descriptor of the loop's would wake it.
            late = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.01, spawn, lambda: tell(late))
            await late

        def tell(future):
            future.get_loop().call_soon_threadsafe(future.set_result, None)

        run(main)

    def test_deadlines_are_heeded_while_the_loop_has_nothing_to_do(self):
        def limited():
            try:
                with greenhub.Timeout(0.02) as timeout:
                    sleep(30)
            except greenhub.Timeout as error:
                return error is timeout
            return None

        async def main():
            began = time.monotonic()
            self.assertTrue(await spawn(limited))
            self.assertEqual(await spawn_after(0.02, add, 1, 2), 3)
            self.assertGreaterEqual(time.monotonic() - began, 0.04)

        run(main)

    def test_another_os_thread_wakes_green_threads_of_the_loop(self):
        async def main():
            queue = greenhub.Queue()
            getter = spawn(queue.get)
            await asyncio.sleep(0.01)
            other = greenhub.ThreadPool(1)
            spawn(other.execute, queue.put, "from afar")
            self.assertEqual(await getter, "from afar")
            other.close()

        run(main)

    def test_green_threads_that_never_wait_do_not_starve_the_loop(self):
        stop = []

        def spinner():
            turns = 0
            while not stop:
                sleep(0)
                turns += 1
            return turns

        async def main():
            spinners = [spawn(spinner) for _ in range(3)]
            for _ in range(20):
                await asyncio.sleep(0.001)
            loop, server = asyncio.get_running_loop(), socket.socket()
            with server:
                server.setblocking(False)
                server.bind(("127.0.0.1", 0))
                server.listen()
                with socket.create_connection(server.getsockname()):
                    (await loop.sock_accept(server))[0].close()
            stop.append(True)
            return [await thread for thread in spinners]

        turns = run(main)
        self.assertGreater(min(turns), 20)

    def test_a_loop_that_never_waits_does_not_starve_green_threads(self):
        async def main():
            thread = spawn(lambda: [sleep(0) for _ in range(50)])
            slept = spawn(sleep, 0.005)
            while not (thread.dead and slept.dead):
                await asyncio.sleep(0)

        run(main)

    def test_an_idle_program_costs_no_time_of_a_processor(self):
        async def main():
            event = greenhub.Event()
            threads = [spawn(event.wait) for _ in range(100)]
            threads += [spawn(sleep, 0.5) for _ in range(100)]
            await asyncio.sleep(0.05)
            before = time.process_time()
            await asyncio.sleep(0.3)
            spent = time.process_time() - before
            event.send()
            for thread in threads:
                await thread
            return spent

        self.assertLess(run(main), 0.1)

    def test_an_exit_in_a_green_thread_ends_the_loop(self):
        async def main():
            greenhub.spawn_n(sys.exit, 7)
            await asyncio.sleep(30)

        with self.assertRaises(SystemExit) as caught:
            run(main)
        self.assertEqual(caught.exception.code, 7)

    def test_it_may_be_installed_again_and_in_the_next_loop(self):
        async def main():
            with aio.install() as guest:
                self.assertIs(guest.loop, asyncio.get_running_loop())
            self.assertEqual(await spawn(add, 1, 2), 3)

        run(main)
        run(main)

    def test_a_loop_that_was_closed_is_forgotten(self):
        async def main():
            aio.install()
            return await spawn(add, 1, 2)

        self.assertEqual(asyncio.run(main()), 3)
        self.assertEqual(asyncio.run(main()), 3)

    def test_each_os_thread_has_a_loop_and_green_threads_of_its_own(self):
        async def main(number):
            threads = [spawn(add, number, other) for other in range(10)]
            return [await thread for thread in threads]

        results = {}

        def in_os_thread(number):
            results[number] = run(lambda: main(number))

        pool = greenhub.ThreadPool(3)
        self.addCleanup(pool.close)
        for job in [spawn(pool.execute, in_os_thread, number) for number in range(3)]:
            job.wait()
        expected = {number: [number + other for other in range(10)] for number in range(3)}
        self.assertEqual(results, expected)

    def test_two_loops_of_one_os_thread_are_refused(self):
        async def main():
            other = asyncio.new_event_loop()
            try:
                with self.assertRaisesRegex(RuntimeError, "another loop"):
                    aio.install(other)
            finally:
                other.close()

        run(main)

    def test_after_the_last_close_green_threads_wait_for_the_os_thread(self):
        if is_monkey_patched("select"):
            self.skipTest("they run by themselves")

        async def main():
            thread = spawn(add, 1, 2)
            await asyncio.sleep(0.02)
            self.assertFalse(thread.dead)
            with self.assertRaisesRegex(RuntimeError, "install"):
                aio.to_future(thread)
            return thread

        run(lambda: asyncio.sleep(0))
        self.assertEqual(asyncio.run(main()).wait(), 3)

    def test_a_green_thread_cannot_install_unless_it_is_patched(self):
        if is_monkey_patched("select"):
            self.skipTest("a loop in a green thread needs no help")
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        with self.assertRaisesRegex(RuntimeError, "a green thread may not"):
            spawn(aio.install, loop).wait()

    def test_without_a_running_loop_there_is_an_error(self):
        for call in (aio.install, lambda: aio.to_future(spawn(add, 1, 2))):
            with self.assertRaises(RuntimeError):
                call()


class Futures(unittest.TestCase):
    def test_the_very_exception_is_raised(self):
        error = Oops()

        async def main():
            with self.assertRaises(Oops) as caught:
                await aio.wait(spawn(fail, error))
            self.assertIs(caught.exception, error)
            with self.assertRaises(RuntimeError) as refused:
                await spawn(fail, StopIteration())
            self.assertIsInstance(refused.exception.__cause__, StopIteration)

        run(main)

    def test_a_dead_thread_gives_its_result(self):
        async def main():
            thread = spawn(add, 1, 2)
            await thread
            self.assertEqual((await thread, await aio.wait(thread)), (3, 3))

        run(main)

    def test_gather_and_wait_for_take_green_threads(self):
        async def main():
            both = await asyncio.gather(spawn(add, 1, 2), add_later(3, 4))
            self.assertEqual(both, [3, 7])
            thread = spawn(sleep, 30)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(aio.to_future(thread), 0.01)
            return await ended(thread)

        self.assertIsInstance(run(main), GreenletExit)

    def test_cancelling_kills_the_thread_unless_it_is_shielded(self):
        async def main():
            thread, shielded = spawn(sleep, 30), spawn(add, 1, 2)
            task = asyncio.ensure_future(aio.wait(thread))
            other = asyncio.ensure_future(wait_shielded(shielded))
            await asyncio.sleep(0)
            task.cancel()
            other.cancel()
            for cancelled in (task, other):
                with self.assertRaises(asyncio.CancelledError):
                    await cancelled
            self.assertEqual(await shielded, 3)
            return await ended(thread)

        async def wait_shielded(thread):
            await asyncio.shield(aio.to_future(thread))

        self.assertIsInstance(run(main), GreenletExit)

    def test_a_killed_thread_is_a_cancelled_future(self):
        async def main():
            thread = spawn(sleep, 30)
            future = aio.to_future(thread)
            spawn(thread.kill)
            with self.assertRaises(asyncio.CancelledError):
                await future
            return future.cancelled()

        self.assertTrue(run(main))

    def test_a_thread_of_another_os_thread_is_awaited(self):
        started, threads = threading.Event(), []

        def elsewhere():
            threads.append(spawn(add, 1, 2))
            started.set()
            threads[0].wait()

        async def main():
            self.assertEqual(await asyncio.wait_for(aio.to_future(threads[0]), 30), 3)

        pool = greenhub.ThreadPool(1)
        self.addCleanup(pool.close)
        job = spawn(pool.execute, elsewhere)
        while not started.is_set():
            sleep(0.001)
        asyncio.run(main())
        job.wait()


async def ended(thread):
    """What a thread that is being killed ends by."""
    while not thread.dead:
        await asyncio.sleep(0.001)
    return thread._error


class Coroutines(unittest.TestCase):
    def test_a_green_thread_gets_the_result_or_the_very_exception(self):
        error = Oops()

        def worker():
            self.assertEqual(aio.run_coroutine(add_later(1, 2)), 3)
            with self.assertRaises(Oops) as caught:
                aio.run_coroutine(fail_later(error))
            return caught.exception is error

        async def main():
            return await spawn(worker)

        self.assertTrue(run(main))

    def test_many_green_threads_wait_for_coroutines_at_once(self):
        async def main():
            threads = [spawn(aio.run_coroutine, add_later(n, n)) for n in range(100)]
            return [await thread for thread in threads]

        self.assertEqual(run(main), [2 * n for n in range(100)])

    def test_a_kill_and_a_timeout_cancel_the_coroutine(self):
        ends = []

        async def endless():
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise

        def limited():
            with greenhub.Timeout(0.01, False):
                aio.run_coroutine(endless())
            return "went on"

        async def main():
            self.assertEqual(await spawn(limited), "went on")
            thread = spawn(aio.run_coroutine, endless())
            await asyncio.sleep(0.01)
            aio.to_future(thread).cancel()
            while len(ends) < 2:
                await asyncio.sleep(0.001)

        run(main)
        self.assertEqual(ends, ["cancelled", "cancelled"])

    def test_a_cancelled_task_is_a_cancelled_error(self):
        async def cancel_me():
            asyncio.current_task().cancel()
            await asyncio.sleep(30)

        def worker():
            with self.assertRaises(asyncio.CancelledError):
                aio.run_coroutine(cancel_me())
            return True

        async def main():
            return await spawn(worker)

        self.assertTrue(run(main))

    def test_a_loop_of_another_os_thread_serves_too(self):
        loop = asyncio.new_event_loop()
        pool = greenhub.ThreadPool(1)
        self.addCleanup(pool.close)
        runner = spawn(pool.execute, loop.run_forever)
        self.assertEqual(spawn(aio.run_coroutine, add_later(1, 2), loop).wait(), 3)
        loop.call_soon_threadsafe(loop.stop)
        runner.wait()
        loop.close()
        with self.assertRaisesRegex(RuntimeError, "closed"):
            aio.run_coroutine(add_later(1, 2), loop)

    def test_what_cannot_be_waited_for_is_refused(self):
        async def main():
            with self.assertRaisesRegex(RuntimeError, "await the coroutine"):
                aio.run_coroutine(add_later(1, 2))

        run(main)
        with self.assertRaisesRegex(RuntimeError, "no loop"):
            spawn(aio.run_coroutine, add_later(1, 2)).wait()
        with self.assertRaises(TypeError):
            aio.run_coroutine(add_later)


class Programs(unittest.TestCase):
    def test_all_of_this_holds_when_everything_is_patched(self):
        if is_monkey_patched("select"):
            self.skipTest("it is")
        program = """\
import sys, unittest
import greenhub
greenhub.monkey_patch()
sys.path.insert(0, %r)
unittest.main("test_aio", argv=["x", "Guests", "Futures", "Coroutines"])
"""
        folder = str(Path(__file__).resolve().parent)
        done = self.run_program(program % folder, PYTHONASYNCIODEBUG="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "Ran [1-9]")

    def test_a_patch_may_come_while_the_loop_runs(self):
        program = """\
import asyncio, greenhub, time
from greenhub import aio

async def main():
    with aio.install():
        before = greenhub.spawn(greenhub.sleep, 0.01)
        await before
        greenhub.monkey_patch()
        for _ in range(50):
            assert await greenhub.spawn(lambda: time.sleep(0.002) or 5) == 5

asyncio.run(main())
print("done")
"""
        done = self.run_program(program, PYTHONASYNCIODEBUG="1")
        self.assertEqual(done.stdout, "done\n", done.stderr)

    def test_ctrl_c_ends_a_program_whose_green_threads_and_loop_wait(self):
        program = """\
import asyncio, greenhub, sys
from greenhub import aio

if sys.argv[1] == "patched":
    greenhub.monkey_patch()

async def main():
    with aio.install():
        thread = greenhub.spawn(greenhub.sleep, 60)
        greenhub.spawn(print, "ready", flush=True)
        try:
            await thread
        finally:
            print("cleaned up", flush=True)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
        for how in ("plain", "patched"):
            with subprocess.Popen(
                [sys.executable, "-c", program, how], stdout=subprocess.PIPE, text=True
            ) as child:
                self.assertEqual(child.stdout.readline(), "ready\n", how)
                child.send_signal(signal.SIGINT)
                self.assertEqual(child.stdout.read(), "cleaned up\ninterrupted\n", how)
                self.assertEqual(child.wait(), 0)

    def test_the_program_of_the_documentation_does_what_it_says(self):
        text = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text("utf-8")
        programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        program = next(program for program in programs if "aio.install" in program)
        done = self.run_program(program)
        self.assertEqual((done.stdout, done.stderr), ("['ann: READY?', 'bob: READY?']\n", ""))

    def run_program(self, program, **environment):
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            env=dict(os.environ, **environment),
        )


if __name__ == "__main__":
    unittest.main()
