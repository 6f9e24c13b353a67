"""asyncio as it is in green threads, a loop in each, with the standard library patched."""

import os
import subprocess
import sys
import unittest


class Loops(unittest.TestCase):
    """Each a program of its own, since a process is patched for good."""

    def check(self, program, expected="done\n", **environment):
        # A slow machine is not what is tested.
        quiet = "logging.getLogger('asyncio').addFilter(lambda it: ' took ' not in it.getMessage())"
        head = "import asyncio, logging, sys, time\n%s\nimport greenhub\ngreenhub.monkey_patch()\n"
        head %= quiet
        done = subprocess.run(
            [sys.executable, "-W", "default", "-c", head + program],
            capture_output=True,
            text=True,
            timeout=60,
            env=dict(os.environ, **environment),
        )
        self.assertEqual((done.stdout, done.returncode), (expected, 0), done.stderr)
        self.assertEqual(done.stderr, "")

    def test_loops_in_several_green_threads_run_at_once(self):
        self.check("""\
here = set()

async def main(number):
    loop = asyncio.get_running_loop()
    here.add(number)
    # Nobody goes on before all have come.
    while len(here) < 20:
        await asyncio.sleep(0.001)
        assert asyncio.get_running_loop() is loop
    return number

def run(number):
    return asyncio.run(main(number))

threads = [greenhub.spawn(run, number) for number in range(20)]
assert [thread.wait() for thread in threads] == list(range(20))
print("done")
""")

    def test_streams_of_one_loop_talk_to_those_of_another_and_to_a_plain_socket(self):
        self.check("""\
import socket

async def serve(ports, stop):
    async def echo(reader, writer):
        while True:
            line = await reader.readline()
            if not line:
                break
            writer.write(line.upper())
            await writer.drain()
        writer.close()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    ports.put(server.sockets[0].getsockname()[1])
    while not stop:
        await asyncio.sleep(0.005)
    server.close()

async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for number in range(10):
        writer.write(b"line %d\\n" % number)
        answers.append(await asyncio.wait_for(reader.readline(), 10))
    writer.close()
    await writer.wait_closed()
    return answers

def ask_plainly(port):
    with socket.create_connection(("127.0.0.1", port)) as conn, conn.makefile("rwb") as lines:
        answers = []
        for number in range(10):
            lines.write(b"line %d\\n" % number)
            lines.flush()
            answers.append(lines.readline())
        return answers

ports, stop = greenhub.Queue(), []
server = greenhub.spawn(lambda: asyncio.run(serve(ports, stop)))
port = ports.get()
clients = [greenhub.spawn(lambda: asyncio.run(ask(port))) for _ in range(5)]
clients += [greenhub.spawn(ask_plainly, port) for _ in range(5)]
expected = [b"LINE %d\\n" % number for number in range(10)]
assert all(client.wait() == expected for client in clients)
stop.append(True)
server.wait()
print("done")
""")

    def test_executors_and_timeouts_leave_other_green_threads_running(self):
        self.check("""\
ticks = []

def ticker():
    while True:
        time.sleep(0.002)
        ticks.append(None)

async def main():
    loop, before = asyncio.get_running_loop(), len(ticks)
    while len(ticks) < before + 3:
        await asyncio.sleep(0.001)
    before = len(ticks)

    def until_it_ticks():
        while len(ticks) < before + 3:
            time.sleep(0.001)
        return 7

    assert await loop.run_in_executor(None, until_it_ticks) == 7
    for limited in (asyncio.sleep(30), loop.create_future()):
        try:
            await asyncio.wait_for(limited, 0.02)
        except asyncio.TimeoutError:
            continue
        raise AssertionError("no timeout")

other = greenhub.spawn(ticker)
threads = [greenhub.spawn(lambda: asyncio.run(main())) for _ in range(3)]
for thread in threads:
    thread.wait()
other.kill()
print("done")
""")

    def test_programs_are_started_and_waited_for(self):
        self.check("""\
async def main(word):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", "print(input() * 2)",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate(word + b"\\n")
    return out, child.returncode

threads = [greenhub.spawn(lambda word=word: asyncio.run(main(word))) for word in (b"a", b"b")]
assert [thread.wait() for thread in threads] == [(b"aa\\n", 0), (b"bb\\n", 0)]
print("done")
""")

    def test_handlers_of_signals_are_for_the_main_thread_alone(self):
        self.check("""\
import os, signal

async def in_a_green_thread():
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)
    except (RuntimeError, ValueError):
        return True

async def in_main():
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, heard.set)
    greenhub.spawn(os.kill, os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(heard.wait(), 10)
    loop.remove_signal_handler(signal.SIGUSR1)

assert greenhub.spawn(lambda: asyncio.run(in_a_green_thread())).wait()
asyncio.run(in_main())
print("done")
""")

    def test_debug_mode_finds_each_loop_in_its_own_thread(self):
        self.check(
            """\
async def main():
    loop = asyncio.get_running_loop()
    assert loop.get_debug()
    # Callbacks are slow on a busy machine.
    loop.slow_callback_duration = 60
    loop.call_soon(lambda: None)
    await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(10)))
    return loop

loops = [greenhub.spawn(lambda: asyncio.run(main())) for _ in range(3)]
assert len({id(loop.wait()) for loop in loops}) == 3
print("done")
""",
            PYTHONASYNCIODEBUG="1",
        )

    def test_a_loop_is_ended_by_a_kill_of_its_green_thread(self):
        self.check("""\
cleaned, started = [], greenhub.Event()

async def main():
    try:
        started.send()
        await asyncio.sleep(30)
    finally:
        cleaned.append(True)

thread = greenhub.spawn(lambda: asyncio.run(main()))
started.wait()
thread.kill()
try:
    thread.wait()
except greenhub.GreenletExit:
    print("done" if cleaned else "not cleaned up")
""")


if __name__ == "__main__":
    unittest.main()
