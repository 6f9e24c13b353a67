"""Time slices for green threads that compute, and exceptions raised in them."""

from __future__ import annotations

import textwrap
import unittest

from support import run_python

HEAD = """
import gc, os, signal, sys, threading, time, warnings
import greenhub

class Killed(Exception):
    pass

def spin(counts=[0], which=0):
    # Something in each round: up to 3.12 an exception at the head of an empty loop, Ctrl-C
    # included, finds the handlers of the line before.
    while True:
        counts[which] += 1

def until(condition):
    with greenhub.Timeout(30):
        while not condition():
            greenhub.sleep(0.001)
"""


class Preempt(unittest.TestCase):
    def run_alone(self, code: str, output: str = "") -> None:
        done = run_python(HEAD + textwrap.dedent(code))
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)
        self.assertEqual(done.stdout, output)

    def test_those_that_compute_take_turns_and_sleepers_wake(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            counts = [0, 0, 0]
            for which in range(3):
                greenhub.spawn(spin, counts, which)
            began = time.monotonic()
            late = []
            for _ in range(20):
                before = time.monotonic()
                greenhub.sleep(0.01)
                late.append(time.monotonic() - before)
            # Each of them in every one of the sleeper's rounds but few.
            assert min(counts) * 4 > max(counts), counts
            assert sorted(late)[10] < 0.5, late
            os._exit(0)
        """)

    def test_nothing_is_interrupted_before_it_is_asked_for_and_after_it_is_over(self) -> None:
        self.run_alone("""
            def computes(seconds):
                end = time.monotonic() + seconds
                while time.monotonic() < end and not others:
                    pass
                done.append(len(others))
            def notes():
                others.append(time.monotonic())
            def others_during(seconds):
                others.clear()
                done.clear()
                greenhub.spawn(computes, seconds)
                thread = greenhub.spawn(notes)
                greenhub.sleep(0)
                thread.wait()
                until(lambda: done)
                return done[0]
            done, others = [], []
            assert others_during(0.05) == 0
            greenhub.preempt(0.005)
            assert others_during(20) == 1
            greenhub.preempt(0.002)
            assert others_during(20) == 1
            for off in (0, None):
                greenhub.preempt(off)
                assert others_during(0.05) == 0
                greenhub.preempt()
                assert others_during(20) == 1
        """)

    def test_a_slice_has_a_shortest_length(self) -> None:
        self.run_alone("""
            for wrong in (-1, 0.0001, float("nan")):
                try:
                    greenhub.preempt(wrong)
                except ValueError:
                    continue
                raise AssertionError(wrong)
        """)

    def test_the_very_instance_reaches_a_thread_that_computes(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            ends = []
            def computes():
                try:
                    try:
                        spin()
                    except KeyError:
                        raise AssertionError("another's")
                except Killed as caught:
                    ends.append((caught, sys.exc_info()[0], caught.__context__))
                    raise
                finally:
                    ends.append("finally")
            for _ in range(5):
                error = Killed("now")
                thread = greenhub.spawn(computes)
                greenhub.sleep(0.001)
                thread.kill(error)
                try:
                    thread.wait()
                except Killed as caught:
                    assert caught is error
                assert ends == [(error, Killed, None), "finally"], ends
                ends.clear()
                thread = greenhub.spawn(spin)
                greenhub.sleep(0.001)
                thread.kill()
                try:
                    thread.wait()
                except greenhub.GreenletExit:
                    pass
        """)

    def test_an_exception_that_is_handled_has_the_one_before_as_its_context(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            ends = []
            def computes():
                first = KeyError()
                try:
                    try:
                        raise first
                    except KeyError:
                        spin()
                except Killed as caught:
                    ends.append(caught.__context__ is first)
                greenhub.sleep(0)
                ends.append("goes on")
            thread = greenhub.spawn(computes)
            greenhub.sleep(0.001)
            thread.kill(Killed())
            thread.wait()
            assert ends == [True, "goes on"], ends
        """)

    def test_a_timeout_that_is_cancelled_before_it_is_raised_is_not_raised(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            class Slow:
                def __init__(self, limit, cancels):
                    self.limit, self.cancels = limit, cancels
                def __del__(self):
                    # Not cut short, however long after the time is over.
                    computes(0.1)
                    ends.append(self.limit.pending)
                    if self.cancels:
                        self.limit.cancel()
            def computes(seconds):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    pass
            def tries(cancels):
                limit = greenhub.Timeout(0.02)
                try:
                    slow = Slow(limit, cancels)
                    del slow
                    computes(0.1)
                    greenhub.sleep(0)
                except greenhub.Timeout as caught:
                    ends.append(caught is limit)
            ends = []
            for _ in range(3):
                greenhub.spawn(tries, True).wait()
            assert ends == [False] * 3, ends
            greenhub.spawn(tries, False).wait()
            assert ends == [False] * 4 + [True], ends
        """)

    def test_a_timeout_ends_a_computation(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            def in_time():
                with greenhub.Timeout(0.02) as limit:
                    try:
                        spin()
                    except greenhub.Timeout as caught:
                        assert caught is limit
                with greenhub.Timeout(0.02, False):
                    spin()
                error = Killed()
                try:
                    with greenhub.Timeout(0.02, error):
                        spin()
                except Killed as caught:
                    assert caught is error
                assert greenhub.with_timeout(0.02, spin, timeout_value=7) == 7
            in_time()
            greenhub.spawn(in_time).wait()
        """)

    def test_no_kill_is_lost(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.001)
            counts, rounds = [0, 0], 20
            def survives(which, between):
                while counts[which] < rounds:
                    try:
                        while True:
                            between()
                    except Killed:
                        counts[which] += 1
            threads = [
                greenhub.spawn(survives, 0, lambda: None),
                greenhub.spawn(survives, 1, lambda: greenhub.sleep(0)),
            ]
            greenhub.sleep(0.001)
            for seen in range(rounds):
                for thread in threads:
                    thread.kill(Killed())
                until(lambda: counts == [seen + 1] * 2)
            for thread in threads:
                thread.wait()
        """)

    def test_finalizers_and_handlers_of_signals_are_not_cut(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            ends, others = [], []
            def computes(seconds):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    pass
            class Finalized:
                def __del__(self):
                    computes(0.1)
                    ends.append("finalized")
            def drops():
                thing = Finalized()
                del thing
                spin()
            thread = greenhub.spawn(drops)
            greenhub.sleep(0.001)
            thread.kill(Killed())
            try:
                thread.wait()
            except Killed:
                ends.append("killed")
            assert ends == ["finalized", "killed"], ends

            def handler(number, frame):
                before = len(others)
                computes(0.1)
                ends.append(len(others) - before)
            signal.signal(signal.SIGALRM, handler)
            def notes():
                while True:
                    others.append(1)
                    greenhub.sleep(0)
            noting = greenhub.spawn(notes)
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            try:
                with greenhub.Timeout(0.05):
                    spin()
            except greenhub.Timeout:
                pass
            # The handler has run to its end, and nobody else beside it.
            assert ends[2:] == [0] and others, ends
            noting.kill()
        """)

    def test_locks_are_not_blocked_on_by_who_runs_meanwhile(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.001)
            lock, again, condition = threading.Lock(), threading.RLock(), threading.Condition()
            counts, inside = [0, 0, 0], []
            def works(which):
                while counts[which] < 8:
                    with lock, again, again, condition:
                        inside.append(which)
                        assert inside == [which], inside
                        sum(range(20000))
                        for _ in range(2000):
                            pass
                        inside.remove(which)
                        counts[which] += 1
            for thread in [greenhub.spawn(works, which) for which in range(3)]:
                thread.wait()
        """)

    def test_on_several_os_threads_and_beside_one_without_green_threads(self) -> None:
        self.run_alone("""
            from greenhub._threads import start_os_thread
            greenhub.preempt(0.002)
            results, busy = {}, [0]
            def serves(name):
                counts = [0, 0]
                threads = [greenhub.spawn(spin, counts, which) for which in range(2)]
                greenhub.sleep(0.1)
                until(lambda: min(counts) > 0)
                for thread in threads:
                    thread.kill(Killed())
                    try:
                        thread.wait()
                    except Killed:
                        pass
                results[name] = counts
            start_os_thread(spin, (busy,))
            for name in range(2):
                start_os_thread(serves, (name,))
            serves("main")
            until(lambda: len(results) == 3)
            assert busy[0] > 0
            os._exit(0)
        """)

    def test_it_goes_on_in_the_child_of_a_fork(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            def both():
                counts = [0, 0]
                threads = [greenhub.spawn(spin, counts, which) for which in range(2)]
                until(lambda: min(counts) > 0)
                threads[0].kill()
                threads[1].kill()
            both()
            warnings.simplefilter("ignore")
            child = os.fork()
            if child == 0:
                both()
                os._exit(7)
            both()
            assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
        """)

    def test_a_program_ends_while_threads_compute(self) -> None:
        self.run_alone(
            """
            greenhub.preempt(0.001)
            for _ in range(3):
                greenhub.spawn(spin)
            greenhub.sleep(0.05)
            print("ends")
            """,
            "ends\n",
        )

    def test_ctrl_c_ends_the_main_code_among_those_that_compute(self) -> None:
        self.run_alone("""
            greenhub.preempt(0.002)
            greenhub.spawn(spin)
            for _ in range(5):
                signal.signal(signal.SIGALRM, signal.default_int_handler)
                signal.setitimer(signal.ITIMER_REAL, 0.03)
                try:
                    spin()
                except KeyboardInterrupt:
                    continue
        """)

    def test_what_was_begun_before_is_preempted_and_killed_at_its_next_wait(self) -> None:
        self.run_alone("""
            stop = []
            def computes():
                greenhub.sleep(0)
                while not stop:
                    pass
                greenhub.sleep(10)
            thread = greenhub.spawn(computes)
            greenhub.sleep(0)
            greenhub.preempt(0.002)
            greenhub.sleep(0.01)
            thread.kill(Killed())
            greenhub.sleep(0.02)
            assert not thread.dead
            stop.append(1)
            try:
                thread.wait()
            except Killed:
                stop.append(2)
            assert stop == [1, 2], stop
        """)


if __name__ == "__main__":
    unittest.main()
