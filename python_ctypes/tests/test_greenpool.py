"""Pools, piles and maps of green threads."""

import gc
import unittest

import greenhub
from greenhub.event import Event
from greenhub.greenpool import GreenPile, GreenPool
from greenhub.greenthread import GreenletExit, getcurrent, sleep, spawn
from greenhub.timeout import Timeout


class Oops(Exception):
    """Raised by the tests' own threads."""


def fail():
    raise Oops("on purpose")


class Pools(unittest.TestCase):
    def test_no_more_than_its_size_run_at_a_time(self):
        pool = GreenPool(3)
        most = []

        def member():
            most.append(pool.running())
            sleep(0.001)

        for _ in range(10):
            pool.spawn_n(member)
        pool.waitall()
        self.assertEqual(max(most), 3)
        self.assertEqual((pool.running(), pool.free(), pool.waiting()), (0, 3, 0))

    def test_spawn_gives_a_thread_with_its_result(self):
        pool = GreenPool()
        self.assertEqual(pool.spawn(lambda a, b: a + b, 1, b=2).wait(), 3)
        self.assertIsNone(pool.spawn_n(sleep))
        pool.waitall()

    def test_whoever_waits_for_a_place_gets_it_in_the_order_of_coming(self):
        pool = GreenPool(1)
        said = []
        gate = Event()
        pool.spawn(gate.wait)
        spawners = [spawn(pool.spawn, said.append, number) for number in range(6)]
        sleep(0)
        self.assertEqual(pool.waiting(), 6)
        spawners[2].kill()
        gate.send()
        for spawner in spawners[:2] + spawners[3:]:
            spawner.wait()
        pool.waitall()
        self.assertEqual(said, [0, 1, 3, 4, 5])
        self.assertEqual(pool.free(), 1)

    def test_a_member_of_a_full_pool_that_spawns_into_it_calls_on_the_spot(self):
        pool = GreenPool(1)

        def member():
            inner = pool.spawn(lambda: (getcurrent(), "inner"))
            failed = pool.spawn(fail)
            with self.assertRaises(Oops):
                failed.wait()
            return getcurrent(), inner.dead, inner.wait()

        me, dead, (inner, word) = pool.spawn(member).wait()
        self.assertTrue(dead)
        self.assertEqual((inner, word), (me, "inner"))

    def test_a_kill_during_a_call_on_the_spot_is_the_callers(self):
        pool = GreenPool(1)
        member = pool.spawn(lambda: pool.spawn(sleep, 60) and "survived")
        sleep(0)
        member.kill()
        with self.assertRaises(GreenletExit):
            member.wait()
        self.assertEqual(pool.free(), 1)

    def test_members_that_fail_or_are_killed_leave_their_place(self):
        pool = GreenPool(2)
        failed, killed = pool.spawn(fail), pool.spawn(sleep, 60)
        with self.assertRaises(Oops):
            failed.wait()
        killed.kill()
        pool.waitall()
        self.assertEqual(pool.free(), 2)

    def test_what_nobody_waits_for_is_reported(self):
        seen = []
        before = greenhub.set_excepthook(lambda name, error: seen.append(type(error)))
        try:
            pool = GreenPool()
            pool.spawn(fail)
            pool.spawn_n(fail)
            pool.waitall()
            with Timeout(30):
                while len(seen) < 2:
                    sleep(0.001)
        finally:
            greenhub.set_excepthook(before)
        self.assertEqual(seen, [Oops, Oops])

    def test_a_pool_can_be_resized_either_way(self):
        pool = GreenPool(3)
        gate = Event()
        for _ in range(3):
            pool.spawn(gate.wait)
        pool.resize(1)
        self.assertEqual(pool.free(), -2)
        spawner = spawn(pool.spawn, gate.wait)
        sleep(0)
        self.assertFalse(spawner.dead)
        pool.resize(4)
        sleep(0)
        self.assertTrue(spawner.dead)
        gate.send()
        pool.waitall()
        self.assertEqual(pool.free(), 4)

    def test_waitall_includes_those_spawned_meanwhile_and_refuses_members(self):
        pool = GreenPool()
        said = []
        pool.spawn(lambda: sleep(0.001) or pool.spawn(lambda: sleep(0.001) or said.append("late")))
        pool.waitall()
        self.assertEqual(said, ["late"])
        with self.assertRaises(AssertionError):
            pool.spawn(pool.waitall).wait()

    def test_wrong_sizes_are_refused(self):
        with self.assertRaises(TypeError):
            GreenPool("many")
        with self.assertRaises(ValueError):
            GreenPool(-1)


class Maps(unittest.TestCase):
    def test_results_come_in_the_order_of_the_arguments(self):
        def late(seconds, word):
            sleep(seconds)
            return word

        pool = GreenPool(3)
        self.assertEqual(list(pool.imap(late, (0.03, 0.01, 0, 0.02), "abcd")), list("abcd"))
        self.assertEqual(list(pool.starmap(late, [(0.01, "a"), (0, "b")])), list("ab"))
        self.assertEqual(list(pool.starmap(None, [(1, 2), (3,)])), [(1, 2), (3,)])
        self.assertEqual(list(pool.imap(None, ())), [])

    def test_unordered_results_come_as_the_calls_end(self):
        gates = [Event() for _ in range(3)]

        def late(number):
            gates[number].wait()
            return number

        results = GreenPool(3).imap_unordered(late, range(3))
        sleep(0)
        for number in (2, 0, 1):
            gates[number].send()
            self.assertEqual(next(results), number)
        self.assertEqual(list(results), [])
        self.assertEqual(sorted(GreenPool(2).imap_unordered(abs, range(20))), list(range(20)))

    def test_a_failed_call_is_raised_in_its_place_and_those_after_it_come(self):
        for map_ in (GreenPool(2).imap, GreenPool(1).imap_unordered):
            results = map_(lambda number: 6 // number, (3, 0, 2))
            self.assertEqual(next(results), 2)
            with self.assertRaises(ZeroDivisionError):
                next(results)
            self.assertEqual(next(results), 3)
            with self.assertRaises(StopIteration):
                next(results)
            with self.assertRaises(StopIteration):
                next(results)

    def test_what_the_iterable_raises_is_raised_after_the_results(self):
        def numbers():
            yield 1
            fail()

        for map_ in (GreenPool().imap, GreenPool().imap_unordered):
            results = map_(abs, numbers())
            with Timeout(30):
                self.assertEqual(next(results), 1)
                with self.assertRaises(Oops):
                    next(results)
                with self.assertRaises(StopIteration):
                    next(results)

    def test_no_more_is_under_way_than_the_size_says(self):
        for kind in ("imap", "imap_unordered"):
            pool = GreenPool(3)
            started = []
            results = getattr(pool, kind)(started.append, range(100))
            sleep(0.01)
            self.assertEqual(len(started), 3)
            next(results)
            sleep(0.01)
            self.assertEqual(len(started), 4)

    def test_a_dropped_map_makes_no_more_calls(self):
        taken = []

        def numbers():
            try:
                for number in range(100):
                    taken.append(number)
                    yield number
            finally:
                taken.append("closed")

        for drop in ("dropped", "closed"):
            del taken[:]
            results = GreenPool(2).imap(abs, numbers())
            next(results)
            if drop == "closed":
                results.close()
                self.assertEqual(list(results), [])
            else:
                del results
                gc.collect()
            sleep(0.01)
            self.assertEqual(taken[-1], "closed", drop)
            self.assertLess(len(taken), 6)


class Piles(unittest.TestCase):
    def test_results_come_in_the_order_of_spawning(self):
        pile = GreenPile(3)
        for number in range(5):
            pile.spawn(lambda number: sleep(0.005 - number / 1000) or number, number)
        self.assertEqual(list(pile), list(range(5)))
        self.assertEqual(list(pile), [])

    def test_a_failed_call_is_raised_in_its_place(self):
        pile = GreenPile(GreenPool())
        for number in (1, 0, 2):
            pile.spawn(lambda number: 2 // number, number)
        self.assertEqual(next(pile), 2)
        with self.assertRaises(ZeroDivisionError):
            next(pile)
        self.assertEqual(pile.next(), 1)
        with self.assertRaises(StopIteration):
            next(pile)

    def test_an_empty_pile_has_no_results(self):
        pile = GreenPile()
        self.assertEqual(list(pile), [])
        pile.spawn(lambda: "result")
        self.assertEqual(list(pile), ["result"])


if __name__ == "__main__":
    unittest.main()
