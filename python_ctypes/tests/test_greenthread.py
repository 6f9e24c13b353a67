"""Green threads as their users see them: starting, waiting, killing, linking."""

import threading
import time
import unittest
import weakref

from greenhub import _core
from greenhub.greenthread import (
    GreenletExit,
    GreenThread,
    cancel,
    getcurrent,
    kill,
    sleep,
    spawn,
    spawn_after,
    spawn_after_local,
    spawn_n,
)


class Poser:
    """What `isinstance` takes for something else, as it does a mock."""

    def __init__(self, kind):
        self.kind = kind

    @property
    def __class__(self):
        return self.kind


class Oops(Exception):
    """Raised by the tests' own threads."""


def fail(error=None):
    raise error or Oops("on purpose")


class Spawning(unittest.TestCase):
    def test_two_tasks_interleave_while_main_sleeps(self):
        said = []

        def task(number, seconds):
            said.append("%d starts" % number)
            sleep(seconds)
            said.append("%d ends" % number)

        spawn(task, 1, 0.2)
        spawn(task, 2, 0.1)
        sleep(0.3)
        self.assertEqual(said, ["1 starts", "2 starts", "2 ends", "1 ends"])

    def test_a_thread_runs_only_when_its_spawner_waits(self):
        said = []
        thread = spawn(said.append, "ran")
        self.assertEqual(said, [])
        self.assertFalse(thread)
        self.assertFalse(thread.dead)
        sleep()
        self.assertEqual(said, ["ran"])
        self.assertTrue(thread.dead)
        self.assertFalse(thread)

    def test_threads_start_in_the_order_of_spawning(self):
        said = []
        for number in range(50):
            spawn_n(said.append, number)
        sleep(0)
        self.assertEqual(said, list(range(50)))

    def test_positional_and_keyword_arguments_reach_the_function_whatever_their_names(self):
        def function(*args, **kwargs):
            return args, kwargs

        thread = spawn(function, 1, function=2, thread=3, seconds=4)
        self.assertEqual(thread.wait(), ((1,), {"function": 2, "thread": 3, "seconds": 4}))
        thread = spawn_after(0, function, 1, function=2, seconds=4)
        self.assertEqual(thread.wait(), ((1,), {"function": 2, "seconds": 4}))

    def test_the_running_thread_is_true_and_is_what_spawn_returned(self):
        thread = spawn(lambda: (getcurrent(), bool(getcurrent())))
        self.assertEqual(thread.wait(), (thread, True))

    def test_the_root_has_a_thread_of_its_own_that_stays_the_same(self):
        root = getcurrent()
        self.assertIsInstance(root, GreenThread)
        self.assertTrue(root)
        sleep(0)
        self.assertIs(getcurrent(), root)
        self.assertIn("root", root.name)

    def test_a_name_tells_the_function_and_may_be_set(self):
        thread = spawn(fail_quietly)
        self.assertTrue(thread.name.startswith("fail_quietly-"), thread.name)
        thread.name = "worker"
        self.assertEqual(thread.name, "worker")
        self.assertIn("worker", repr(thread))

    def test_a_thread_takes_attributes_and_weak_references(self):
        thread = spawn(sleep)
        thread.anything = 1
        self.assertIs(weakref.ref(thread)(), thread)

    def test_sleep_takes_at_least_as_long_as_it_is_told(self):
        start = time.monotonic()
        sleep(0.05)
        self.assertGreaterEqual(time.monotonic() - start, 0.05)

    def test_each_os_thread_runs_green_threads_of_its_own(self):
        found = []

        def main():
            found.append(spawn(threading.get_native_id).wait())
            found.append(threading.get_native_id())

        os_thread = threading.Thread(target=main)
        os_thread.start()
        os_thread.join()
        self.assertEqual(found[0], found[1])
        self.assertNotEqual(found[0], threading.get_native_id())


def fail_quietly():
    return None


class Waiting(unittest.TestCase):
    def test_wait_returns_the_result_each_time(self):
        thread = spawn(lambda: [1])
        first = thread.wait()
        self.assertEqual(first, [1])
        self.assertIs(thread.wait(), first)

    def test_wait_raises_the_very_exception_each_time_without_growing_its_traceback(self):
        error = Oops()
        thread = spawn(fail, error)
        lengths = []
        for _ in range(3):
            with self.assertRaises(Oops) as caught:
                thread.wait()
            self.assertIs(caught.exception, error)
            lengths.append(len(list(frames(caught.exception.__traceback__))))
        self.assertEqual(lengths[0], lengths[2])

    def test_the_traceback_leads_into_the_function_that_failed(self):
        thread = spawn(fail)
        try:
            thread.wait()
        except Oops as error:
            names = [frame.f_code.co_name for frame in frames(error.__traceback__)]
        self.assertEqual(names[-1], "fail")
        self.assertNotIn("_run", names)

    def test_waiters_wake_in_the_order_in_which_they_came(self):
        thread = spawn(sleep, 0.01)
        said = []

        def waiter(number):
            thread.wait()
            said.append(number)

        waiters = [spawn(waiter, number) for number in range(12)]
        for one in waiters:
            one.wait()
        self.assertEqual(said, list(range(12)))

    def test_a_killed_waiter_leaves_nothing_behind(self):
        thread = spawn(sleep, 60)
        waiters = [spawn(thread.wait) for _ in range(3)]
        sleep(0)
        idents = [waiter._ident for waiter in waiters]
        self.assertEqual([thread._waiter, *thread._entries], idents)
        for waiter in waiters:
            waiter.kill()
        self.assertEqual([thread._waiter, *thread._entries], [0])
        thread.kill()

    def test_waiters_wake_in_order_though_the_first_was_killed(self):
        thread = spawn(sleep, 0.01)
        said = []

        def waiter(number):
            thread.wait()
            said.append(number)

        waiters = [spawn(waiter, number) for number in range(3)]
        sleep(0)
        waiters[0].kill()
        waiters.append(spawn(waiter, 3))
        for one in waiters[1:]:
            one.wait()
        self.assertEqual(said, [1, 2, 3])

    def test_to_wait_for_oneself_is_an_error_and_not_a_hang(self):
        with self.assertRaises(RuntimeError):
            spawn(lambda: getcurrent().wait()).wait()

    def test_an_os_thread_may_wait_for_a_green_thread_of_another(self):
        thread = spawn(lambda: sleep(0.02) or "result")
        results = []
        os_thread = threading.Thread(target=lambda: results.append(thread.wait()))
        os_thread.start()
        thread.wait()
        sleep(0.01)
        os_thread.join()
        self.assertEqual(results, ["result"])

    def test_a_stray_wake_does_not_end_a_wait(self):
        thread = spawn(sleep, 0.05)
        me = getcurrent()
        spawn(lambda: _core.unpark(me._ident))
        thread.wait()
        self.assertTrue(thread.dead)


def frames(traceback):
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


class Killing(unittest.TestCase):
    def test_kill_raises_in_the_waiting_thread_before_it_returns(self):
        said = []

        def victim():
            try:
                sleep(60)
            except GreenletExit:
                said.append("caught")
                raise

        thread = spawn(victim)
        sleep(0)
        thread.kill()
        self.assertEqual(said, ["caught"])
        self.assertTrue(thread.dead)
        with self.assertRaises(GreenletExit):
            thread.wait()

    def test_kill_raises_the_very_instance(self):
        error = Oops()
        thread = spawn(sleep, 60)
        sleep(0)
        thread.kill(error)
        with self.assertRaises(Oops) as caught:
            thread.wait()
        self.assertIs(caught.exception, error)

    def test_kill_takes_a_class_with_arguments_and_a_triple(self):
        error = Oops("three")
        for args, text in (
            ((Oops,), ""),
            ((Oops, "text"), "text"),
            ((Oops, error, None), "three"),
            ((Oops("one"),), "one"),
        ):
            for started in (False, True):
                thread = spawn(sleep, 60)
                if started:
                    sleep(0)
                kill(thread, *args)
                with self.assertRaises(Oops) as caught:
                    thread.wait()
                self.assertEqual(str(caught.exception), text)

    def test_kill_refuses_what_is_no_exception(self):
        thread = spawn(sleep, 60)
        wrong = [("text",), (int,), (Oops(), Oops()), (Oops, None, "no traceback")]
        for args in [*wrong, (Poser(Oops),)]:
            with self.assertRaises(TypeError):
                thread.kill(*args)
        self.assertFalse(thread.dead)
        thread.kill()

    def test_what_only_says_that_it_is_one_is_no_tuple_and_no_dict(self):
        for args, kwargs in ((Poser(tuple), None), ((), Poser(dict))):
            with self.assertRaises(TypeError):
                GreenThread._start(len, args, kwargs)
            with self.assertRaises(TypeError):
                _core.spawn(None, len, args, kwargs)

    def test_one_killed_before_its_start_never_runs(self):
        said = []
        thread = spawn(said.append, "ran")
        linked = []
        thread.link(linked.append)
        error = Oops()
        thread.kill(error)
        self.assertTrue(thread.dead)
        self.assertEqual(linked, [thread])
        with self.assertRaises(Oops) as caught:
            thread.wait()
        self.assertIs(caught.exception, error)
        self.assertEqual(said, [])

    def test_a_waiter_of_one_killed_before_its_start_gets_the_exception(self):
        thread = spawn(sleep, 60)
        waiter = spawn(thread.wait)
        killer = spawn_n(kill, thread, Oops)
        self.assertFalse(killer.dead)
        with self.assertRaises(Oops):
            waiter.wait()

    def test_a_dead_thread_is_left_alone(self):
        thread = spawn(lambda: "result")
        thread.wait()
        thread.kill()
        self.assertEqual(thread.wait(), "result")

    def test_a_thread_may_survive_its_kill(self):
        def stubborn():
            try:
                sleep(60)
            except GreenletExit:
                pass
            sleep(0.01)
            return "survived"

        thread = spawn(stubborn)
        sleep(0)
        thread.kill()
        self.assertFalse(thread.dead)
        self.assertEqual(thread.wait(), "survived")

    def test_one_that_kills_itself_gets_the_exception_on_the_spot(self):
        said = []

        def suicide():
            try:
                kill(getcurrent(), Oops("mine"))
            except Oops as error:
                said.append(str(error))
            return "went on"

        self.assertEqual(spawn(suicide).wait(), "went on")
        self.assertEqual(said, ["mine"])

    def test_cancel_stops_only_what_has_not_started(self):
        started = spawn(lambda: sleep(0.01) or "result")
        sleep(0)
        cancel(started)
        self.assertEqual(started.wait(), "result")
        fresh = spawn(fail)
        fresh.cancel()
        self.assertTrue(fresh.dead)
        with self.assertRaises(GreenletExit):
            fresh.wait()

    def test_a_thread_of_another_os_thread_can_be_killed(self):
        threads = []
        ready = threading.Event()
        ended = []

        def main():
            threads.append(spawn(sleep, 60))
            spawn(ready.set)
            try:
                threads[0].wait()
            except GreenletExit:
                ended.append(True)

        os_thread = threading.Thread(target=main)
        os_thread.start()
        ready.wait()
        threads[0].kill()
        os_thread.join()
        self.assertEqual(ended, [True])


class Later(unittest.TestCase):
    def test_spawn_after_starts_when_its_time_has_come(self):
        start = time.monotonic()
        thread = spawn_after(0.05, time.monotonic)
        time.sleep(0.01)
        self.assertGreaterEqual(thread.wait() - start, 0.05)

    def test_the_time_runs_from_the_call(self):
        thread = spawn_after(0.05, lambda: "ran")
        time.sleep(0.06)
        sleep(0)
        self.assertTrue(thread.dead)

    def test_one_without_a_delay_starts_in_its_first_turn(self):
        said = []
        spawn_after(0, said.append, "ran")
        sleep(0)
        self.assertEqual(said, ["ran"])

    def test_one_that_is_cancelled_in_time_never_runs(self):
        said = []
        for wait_first in (False, True):
            thread = spawn_after(60, said.append, "ran")
            if wait_first:
                sleep(0)
            thread.cancel()
            self.assertTrue(thread.dead)
            with self.assertRaises(GreenletExit):
                thread.wait()
        self.assertEqual(said, [])

    def test_it_outlives_its_spawner_unless_it_is_local(self):
        said = []

        def parent():
            return (
                spawn_after(0.01, said.append, "global"),
                spawn_after_local(0.01, said.append, "local"),
            )

        outliving, local = spawn(parent).wait()
        outliving.wait()
        with self.assertRaises(GreenletExit):
            local.wait()
        self.assertEqual(said, ["global"])

    def test_a_local_one_runs_while_its_spawner_lives(self):
        thread = spawn_after_local(0.01, lambda: "ran")
        self.assertEqual(thread.wait(), "ran")


class Linking(unittest.TestCase):
    def test_links_are_called_in_order_by_the_ending_thread(self):
        said = []

        def link(thread, word, end=""):
            said.append((word + end, getcurrent() is thread, thread.wait()))

        thread = spawn(lambda: "result")
        thread.link(link, "one")
        thread.link(link, "two", end="!")
        thread.wait()
        sleep(0)
        self.assertEqual(said, [("one", True, "result"), ("two!", True, "result")])

    def test_a_dead_thread_calls_a_new_link_at_once(self):
        thread = spawn(lambda: "result")
        thread.wait()
        said = []
        thread.link(said.append)
        self.assertEqual(said, [thread])

    def test_unlink_takes_back_what_was_linked_with_equal_arguments(self):
        said = []

        def link(thread, *args, **kwargs):
            said.append((args, kwargs))

        thread = spawn(sleep)
        thread.link(link, 1, a=1)
        thread.link(link, 2, a=1)
        self.assertFalse(thread.unlink(link, 1, a=2))
        self.assertTrue(thread.unlink(link, 1, a=1))
        self.assertFalse(thread.unlink(link, 1, a=1))
        thread.wait()
        sleep(0)
        self.assertEqual(said, [((2,), {"a": 1})])


if __name__ == "__main__":
    unittest.main()
