"""Semaphores: fair, and nothing is lost with those who leave."""

import threading
import unittest

from greenhub.greenthread import getcurrent, sleep, spawn
from greenhub.semaphore import BoundedSemaphore, CappedSemaphore, Semaphore
from greenhub.timeout import Timeout


class Acquiring(unittest.TestCase):
    def test_as_many_as_there_are_are_acquired_at_once(self):
        semaphore = Semaphore(2)
        self.assertTrue(semaphore.acquire())
        self.assertFalse(semaphore.locked())
        self.assertTrue(semaphore.acquire(blocking=False))
        self.assertTrue(semaphore.locked())
        self.assertFalse(semaphore.acquire(blocking=False))
        self.assertIs(semaphore.release(), True)
        self.assertEqual(semaphore.counter, 1)

    def test_a_value_may_be_huge(self):
        semaphore = Semaphore(2**60)
        semaphore.acquire()
        self.assertEqual(semaphore.counter, 2**60 - 1)

    def test_waiters_are_served_in_the_order_in_which_they_came(self):
        semaphore = Semaphore(0)
        said = []

        def waiter(number):
            semaphore.acquire()
            said.append(number)

        threads = [spawn(waiter, number) for number in range(12)]
        sleep(0)
        self.assertEqual(semaphore.balance, -12)
        for _ in threads:
            semaphore.release()
        for thread in threads:
            thread.wait()
        self.assertEqual(said, list(range(12)))

    def test_nobody_gets_ahead_of_one_who_waits(self):
        semaphore = Semaphore(1)
        semaphore.acquire()
        said = []

        def waiter():
            semaphore.acquire()
            said.append("waiter")

        thread = spawn(waiter)
        sleep(0)
        semaphore.release()
        self.assertFalse(semaphore.acquire(blocking=False))
        thread.wait()
        self.assertEqual(said, ["waiter"])

    def test_it_is_held_within_its_block(self):
        semaphore = Semaphore()
        with semaphore as nothing:
            self.assertIsNone(nothing)
            self.assertTrue(semaphore.locked())
        self.assertFalse(semaphore.locked())

    def test_wrong_arguments_are_refused(self):
        with self.assertRaises(ValueError):
            Semaphore(-1)
        with self.assertRaises(ValueError):
            Semaphore().acquire(timeout=-2)
        with self.assertRaises(ValueError):
            Semaphore().acquire(False, 1)
        self.assertTrue(Semaphore().acquire(timeout=-1))


class Leaving(unittest.TestCase):
    def test_one_whose_time_is_over_leaves_nothing_behind(self):
        semaphore = Semaphore(0)
        self.assertFalse(semaphore.acquire(timeout=0.01))
        self.assertFalse(semaphore.acquire(timeout=0))
        self.assertEqual(semaphore.balance, 0)
        semaphore.release()
        self.assertTrue(semaphore.acquire(timeout=60))

    def test_a_timeout_from_outside_leaves_nothing_behind(self):
        semaphore = Semaphore(0)
        with Timeout(0.01, False):
            semaphore.acquire()
        self.assertEqual(semaphore.balance, 0)

    def test_what_was_handed_to_one_killed_in_the_same_moment_goes_to_the_next(self):
        semaphore = Semaphore(0)
        first, second = spawn(semaphore.acquire), spawn(semaphore.acquire)
        sleep(0)
        semaphore.release()
        first.kill()
        self.assertTrue(second.wait())
        self.assertEqual(semaphore.balance, 0)

    def test_one_killed_in_the_middle_is_passed_over(self):
        semaphore = Semaphore(0)
        threads = [spawn(semaphore.acquire) for _ in range(3)]
        sleep(0)
        threads[1].kill()
        semaphore.release()
        semaphore.release()
        self.assertTrue(threads[0].wait() and threads[2].wait())
        self.assertEqual(semaphore.balance, 0)


class Limits(unittest.TestCase):
    def test_a_bounded_one_refuses_to_grow(self):
        semaphore = BoundedSemaphore(2)
        with self.assertRaises(ValueError):
            semaphore.release()
        semaphore.acquire()
        self.assertTrue(semaphore.release())
        with self.assertRaises(ValueError):
            semaphore.release()
        self.assertEqual(semaphore.counter, 2)

    def test_a_bounded_one_may_hand_over_at_its_limit(self):
        semaphore = BoundedSemaphore(1)
        semaphore.acquire()
        waiter = spawn(semaphore.acquire)
        sleep(0)
        semaphore.release()
        self.assertTrue(waiter.wait())
        semaphore.release()

    def test_release_of_a_capped_one_waits_at_its_limit(self):
        semaphore = CappedSemaphore(1, 2)
        self.assertFalse(semaphore.bounded())
        semaphore.release()
        self.assertTrue(semaphore.bounded())
        self.assertFalse(semaphore.release(blocking=False))
        releaser = spawn(semaphore.release)
        sleep(0)
        self.assertFalse(releaser.dead)
        semaphore.acquire()
        self.assertTrue(releaser.wait())
        self.assertTrue(semaphore.bounded())
        with self.assertRaises(ValueError):
            CappedSemaphore(2, 1)

    def test_a_limit_of_zero_is_a_rendezvous(self):
        semaphore = CappedSemaphore(0, 0)
        self.assertFalse(semaphore.release(blocking=False))
        acquirer = spawn(semaphore.acquire)
        sleep(0)
        self.assertTrue(semaphore.release())
        self.assertTrue(acquirer.wait())

    def test_the_balance_of_a_capped_one_counts_both_ways(self):
        semaphore = CappedSemaphore(1, 3)
        self.assertEqual(semaphore.balance, -1)
        semaphore.release()
        semaphore.release()
        self.assertEqual(semaphore.balance, 3)

    def test_a_releaser_that_is_killed_leaves_nothing_behind(self):
        semaphore = CappedSemaphore(1, 1)
        releaser = spawn(semaphore.release)
        sleep(0)
        releaser.kill()
        semaphore.acquire()
        self.assertEqual(semaphore.counter, 0)


class Threads(unittest.TestCase):
    def test_it_excludes_between_os_threads_and_green_threads(self):
        semaphore = Semaphore()
        inside = []
        wrong = []

        def work(rounds):
            for _ in range(rounds):
                with semaphore:
                    inside.append(getcurrent())
                    if len(inside) != 1:
                        wrong.append(list(inside))
                    sleep(0)
                    inside.pop()

        def main():
            for thread in [spawn(work, 30) for _ in range(3)]:
                thread.wait()

        os_threads = [threading.Thread(target=main) for _ in range(3)]
        for os_thread in os_threads:
            os_thread.start()
        main()
        for os_thread in os_threads:
            os_thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(semaphore.balance, 1)

    def test_nothing_is_lost_among_kills_and_timeouts(self):
        semaphore = Semaphore(2)

        def work(seconds):
            for _ in range(20):
                if semaphore.acquire(timeout=seconds):
                    try:
                        sleep(0.0002)
                    finally:
                        semaphore.release()

        for victims in range(10):
            workers = [spawn(work, 0.0001 * number) for number in range(1, 20)]
            sleep(0.001 * victims)
            for worker in workers[::2]:
                worker.kill(Timeout())
            for worker in workers:
                try:
                    worker.wait()
                except Timeout:
                    pass
        self.assertEqual(semaphore.balance, 2)


class Finalizers(unittest.TestCase):
    def test_a_release_in_the_middle_of_another_neither_hangs_nor_is_lost(self):
        class Interrupted(Semaphore):
            interruptions = 2

            def _identify(self):
                # A finalizer or a signal handler runs at this very point.
                if self.interruptions:
                    self.interruptions -= 1
                    self.release()
                return super()._identify()

        semaphore = Interrupted(0)
        semaphore.release()
        self.assertEqual((semaphore.counter, semaphore.interruptions), (3, 0))


if __name__ == "__main__":
    unittest.main()
