"""Pools of things."""

import unittest

from greenhub.greenthread import sleep, spawn
from greenhub.pools import Pool, Token, TokenPool
from greenhub.timeout import Timeout


class Numbered(Pool):
    made = 0

    def create(self):
        self.made += 1
        return self.made


class Using(unittest.TestCase):
    def test_things_are_made_as_needed_and_used_again(self):
        pool = Numbered(min_size=1, max_size=2)
        self.assertEqual(pool.made, 1)
        first, second = pool.get(), pool.get()
        self.assertEqual((first, second, pool.free()), (1, 2, 0))
        pool.put(second)
        with pool.item() as thing:
            self.assertEqual(thing, second)
        self.assertEqual(pool.made, 2)
        self.assertEqual((pool.current_size, pool.free()), (2, 1))

    def test_order_is_that_of_a_queue_or_a_stack(self):
        for stack, expected in ((False, [1, 2]), (True, [2, 1])):
            pool = Numbered(order_as_stack=stack)
            things = [pool.get(), pool.get()]
            for thing in things:
                pool.put(thing)
            self.assertEqual([pool.get(), pool.get()], expected)

    def test_whoever_has_waited_longest_gets_first(self):
        pool = Pool(max_size=1, create=object)
        thing = pool.get()
        said = []

        def user(number):
            with pool.item():
                said.append(number)
                sleep(0)

        threads = [spawn(user, number) for number in range(5)]
        sleep(0)
        self.assertEqual(pool.waiting(), 5)
        threads[1].kill()
        pool.put(thing)
        for thread in threads[:1] + threads[2:]:
            thread.wait()
        self.assertEqual(said, [0, 2, 3, 4])
        self.assertEqual(pool.free(), 1)

    def test_no_more_are_made_than_there_may_be_whoever_puts_and_takes_in_what_order(self):
        pool = Numbered(min_size=1, max_size=3)

        def user():
            with pool.item() as thing:
                sleep(0.001)
                return thing

        threads = [spawn(user) for _ in range(30)]
        self.assertEqual({thread.wait() for thread in threads}, {1, 2, 3})
        self.assertEqual((pool.made, pool.current_size, pool.free()), (3, 3, 3))

    def test_one_that_cannot_be_made_leaves_its_place(self):
        pool = Pool(max_size=1, create=lambda: 1 // 0)
        for _ in range(2):
            with self.assertRaises(ZeroDivisionError):
                pool.get()
        with self.assertRaises(NotImplementedError):
            Pool().get()

    def test_a_thing_handed_to_one_killed_in_the_same_moment_goes_to_the_next(self):
        pool = Pool(max_size=1, create=object)
        thing = pool.get()
        first, second = spawn(pool.get), spawn(pool.get)
        sleep(0)
        pool.put(thing)
        first.kill()
        with Timeout(30):
            self.assertIs(second.wait(), thing)

    def test_tokens_are_for_those_who_only_count(self):
        pool = TokenPool(max_size=1)
        with pool.item() as token:
            self.assertIsInstance(token, Token)
            self.assertEqual(pool.free(), 0)

    def test_it_can_be_made_smaller_and_larger(self):
        pool = Numbered(max_size=2)
        things = [pool.get(), pool.get()]
        pool.resize(1)
        for thing in things:
            pool.put(thing)
        self.assertEqual((pool.current_size, pool.free()), (1, 1))
        pool.resize(3)
        self.assertEqual([pool.get(), pool.get(), pool.get()], [2, 3, 4])
        self.assertEqual(pool.free(), 0)


if __name__ == "__main__":
    unittest.main()
