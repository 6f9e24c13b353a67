"""Several green threads together."""

import threading
import unittest

from greenhub.event import Event
from greenhub.greenthread import GreenletExit, getcurrent, sleep, spawn
from greenhub.group import Group, iwait, joinall, killall
from greenhub.timeout import Timeout


class Oops(Exception):
    """Raised by the tests' own threads."""


def fail():
    raise Oops("on purpose")


class Waiting(unittest.TestCase):
    def setUp(self):
        self.gates = [Event() for _ in range(3)]
        self.threads = [spawn(gate.wait) for gate in self.gates]

    def tearDown(self):
        for thread in self.threads:
            thread.kill()
            self.assertEqual(thread._entries, [])

    def test_iwait_gives_them_as_they_end(self):
        order = []
        ended = iwait(self.threads)
        for number in (2, 0, 1):
            self.gates[number].send(number)
            order.append(next(ended).wait())
        self.assertEqual(order, [2, 0, 1])
        self.assertEqual(list(ended), [])

    def test_iwait_gives_the_dead_first_and_stops_at_its_count_or_time(self):
        self.gates[1].send()
        self.threads[1].wait()
        self.assertEqual(list(iwait(self.threads, count=1)), [self.threads[1]])
        self.assertEqual(list(iwait(self.threads, timeout=0.01)), [self.threads[1]])
        self.assertEqual(list(iwait([])), [])

    def test_joinall_waits_for_all_or_some_or_as_long_as_it_is_told(self):
        self.gates[2].send()
        self.assertEqual(joinall(self.threads, timeout=0.01), [self.threads[2]])
        self.assertEqual(joinall(self.threads, count=1), [self.threads[2]])
        self.gates[0].send()
        self.gates[1].send()
        self.assertEqual(set(joinall(self.threads)), set(self.threads))

    def test_joinall_raises_only_if_asked_to(self):
        failed = spawn(fail)
        self.assertEqual(joinall([failed]), [failed])
        with self.assertRaises(Oops):
            joinall(self.threads + [failed], raise_error=True)

    def test_a_kill_leaves_nothing_behind(self):
        waiter = spawn(joinall, self.threads)
        sleep(0)
        waiter.kill()

    def test_killall_kills_all_and_waits_for_their_ends(self):
        def slow_to_die():
            try:
                sleep(60)
            finally:
                sleep(0.01)

        slow = spawn(slow_to_die)
        sleep(0)
        error = Oops()
        killall(self.threads + [slow], error)
        for thread in self.threads + [slow]:
            with self.assertRaises(Oops) as caught:
                thread.wait()
            self.assertIs(caught.exception, error)

    def test_killall_may_not_wait_and_kills_the_caller_last(self):
        killall(self.threads, block=False)
        self.assertFalse(any(thread.dead for thread in self.threads))

        def member():
            killall(self.threads + [getcurrent()])

        with self.assertRaises(GreenletExit):
            spawn(member).wait()
        self.assertTrue(all(thread.dead for thread in self.threads))


class Groups(unittest.TestCase):
    def test_members_leave_as_they_end(self):
        group = Group(spawn(sleep, 0.001))
        member = group.spawn(lambda: "result")
        self.assertEqual(len(group), 2)
        self.assertIn(member, group)
        self.assertEqual(member.wait(), "result")
        self.assertTrue(group.join())
        self.assertEqual(list(group), [])

    def test_join_includes_those_added_meanwhile_and_may_end_in_time(self):
        group = Group()
        group.spawn(lambda: group.spawn(sleep, 0.001))
        self.assertTrue(group.join())
        member = group.spawn(sleep, 60)
        self.assertFalse(group.join(timeout=0.01))
        group.discard(member)
        self.assertTrue(group.join())
        member.kill()

    def test_join_raises_if_asked_to_and_refuses_members(self):
        group = Group()
        group.spawn(fail)
        with self.assertRaises(Oops):
            group.join(raise_error=True)
        with self.assertRaises(AssertionError):
            group.spawn(group.join).wait()

    def test_all_or_one_can_be_killed(self):
        group = Group()
        one, other = group.spawn(sleep, 60), group.spawn(sleep, 60)
        group.killone(one)
        self.assertTrue(one.dead)
        stranger = spawn(sleep, 60)
        group.killone(stranger)
        self.assertFalse(other.dead or stranger.dead)
        stranger.kill()
        group.kill()
        self.assertTrue(other.dead)
        self.assertEqual(len(group), 0)

    def test_maps_and_calls(self):
        group = Group()
        self.assertEqual(group.apply(divmod, (7, 2)), (3, 1))
        self.assertEqual(group.map(abs, (-1, -2)), [1, 2])
        self.assertEqual(list(group.imap(pow, (2, 3), (2, 2))), [4, 9])
        self.assertEqual(sorted(group.imap_unordered(abs, range(-5, 0))), [1, 2, 3, 4, 5])
        with self.assertRaises(ZeroDivisionError):
            group.map(lambda number: 1 // number, (1, 0))

    def test_another_os_thread_may_wait_for_it(self):
        group = Group()
        group.spawn(sleep, 0.02)
        joined = []
        os_thread = threading.Thread(target=lambda: joined.append(group.join()))
        os_thread.start()
        with Timeout(30):
            while not joined:
                sleep(0.001)
        os_thread.join()
        self.assertEqual(joined, [True])


if __name__ == "__main__":
    unittest.main()
