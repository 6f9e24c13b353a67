"""Green threads that depend on one another's results."""

import unittest

from greenhub.dagpool import Collision, DAGPool, PropagateError
from greenhub.event import Event
from greenhub.greenthread import sleep, spawn
from greenhub.timeout import Timeout


class Oops(Exception):
    """Raised by the tests' own threads."""


def add(key, results, extra=""):
    return key + "(" + ",".join(sorted(value for _, value in results)) + ")" + extra


def fail(key, results):
    raise Oops(key)


class Computing(unittest.TestCase):
    def test_values_are_computed_from_values(self):
        pool = DAGPool({"a": "A"})
        pool.spawn("d", ["b", "c"], add, extra="!")
        pool.spawn("b", ["a"], add)
        pool.spawn("c", ["a", "b"], add)
        self.assertEqual(pool["d"], "d(b(A),c(A,b(A)))!")
        self.assertEqual(pool.get("a"), "A")
        self.assertEqual(set(pool.waitall()), set("abcd"))
        self.assertEqual(pool.running(), 0)

    def test_results_come_in_the_order_in_which_they_are_there(self):
        pool = DAGPool([("early", 1)])
        pool.spawn("all", ["late", "early", "middle"], lambda key, results: list(results))
        sleep(0)
        pool.post("middle", 2)
        sleep(0)
        pool.post("late", 3)
        self.assertEqual(pool["all"], [("early", 1), ("middle", 2), ("late", 3)])

    def test_many_are_spawned_at_once(self):
        pool = DAGPool()
        pool.spawn_many({"a": (), "b": "a", "c": "ab"}, add)
        self.assertEqual(pool.wait("c"), {"c": "c(a(),b(a()))"})
        self.assertEqual(pool.wait(["a", "b"]), {"a": "a()", "b": "b(a())"})

    def test_wait_each_gives_values_as_they_come(self):
        pool = DAGPool()
        gates = {key: Event() for key in "abc"}
        pool.spawn_many(dict.fromkeys("abc", ()), lambda key, _: gates[key].wait())
        given = pool.wait_each("abc")
        for key in "cab":
            gates[key].send(key.upper())
            self.assertEqual(next(given), (key, key.upper()))
        self.assertEqual(list(given), [])

    def test_a_key_has_one_value_unless_it_is_replaced(self):
        pool = DAGPool({"a": 1})
        with self.assertRaises(Collision):
            pool.post("a", 2)
        with self.assertRaises(Collision):
            pool.spawn("a", (), add)
        pool.post("a", 2, replace=True)
        self.assertEqual(pool["a"], 2)
        pool.spawn("b", ["never"], add)
        with self.assertRaises(Collision):
            pool.post("b", 1)
        pool.kill("b")

    def test_a_thread_may_post_to_its_own_key(self):
        pool = DAGPool()

        def early(key, results):
            pool.post(key, "posted")
            return "returned"

        pool.spawn("a", (), early)
        self.assertEqual(pool["a"], "posted")
        sleep(0)
        self.assertEqual(pool["a"], "posted")


class Failing(unittest.TestCase):
    def test_a_failure_reaches_all_who_depend_on_it(self):
        pool = DAGPool({"fine": "fine"})
        pool.spawn("a", (), fail)
        pool.spawn("b", ["a"], add)
        with self.assertRaises(PropagateError) as caught:
            pool.wait("b")
        self.assertEqual(caught.exception.key, "b")
        self.assertEqual(caught.exception.exc.key, "a")
        self.assertIsInstance(caught.exception.exc.exc, Oops)
        self.assertIn("Oops", str(caught.exception))
        with self.assertRaises(PropagateError):
            pool.get("a")
        self.assertEqual(dict(pool.wait_each_success()), {"fine": "fine"})
        self.assertEqual(set(dict(pool.wait_each_exception())), {"a", "b"})
        with self.assertRaises(PropagateError):
            pool.items()

    def test_a_killed_key_is_free_again(self):
        pool = DAGPool()
        for key in ("fresh", "started"):
            pool.spawn(key, ["never"], add)
            waiter = spawn(pool.wait, (key,))
            if key == "started":
                sleep(0)
            pool.kill(key)
            self.assertIsNone(pool.get(key))
            with self.assertRaises(KeyError):
                pool.kill(key)
            pool.post(key, "posted")
            self.assertEqual(waiter.wait(), {key: "posted"})
            with self.assertRaises(KeyError):
                pool.kill(key)
        self.assertEqual(pool._watchers, [])

    def test_an_exception_that_is_posted_is_a_value(self):
        pool = DAGPool({"a": Oops()})
        self.assertIsInstance(pool["a"], Oops)
        pool.post("b", PropagateError("b", Oops()))
        with self.assertRaises(PropagateError):
            pool.get("b")

    def test_whoever_is_killed_while_waiting_leaves_nothing_behind(self):
        pool = DAGPool()
        waiter = spawn(pool.wait, ["never"])
        sleep(0)
        waiter.kill()
        with Timeout(0.01, False):
            pool["never"]
        self.assertEqual(pool._watchers, [])


class Looking(unittest.TestCase):
    def test_what_runs_and_what_is_waited_for(self):
        pool = DAGPool({"a": 1})
        pool.spawn("b", ["a", "x", "y"], add)
        sleep(0)
        self.assertEqual(pool.keys(), ("a",))
        self.assertEqual((pool.running(), pool.running_keys(), pool.waiting()), (1, ("b",), 1))
        self.assertEqual(pool.waiting_for("b"), {"x", "y"})
        pool.post("x", 2)
        self.assertEqual(pool.waiting_for(), {"b": {"y"}})
        self.assertEqual(pool.waiting_for("a"), set())
        self.assertEqual(pool.get("b", "none yet"), "none yet")
        with self.assertRaises(KeyError):
            pool.waiting_for("unknown")
        pool.kill("b")
        self.assertEqual(pool.waiting(), 0)


if __name__ == "__main__":
    unittest.main()
