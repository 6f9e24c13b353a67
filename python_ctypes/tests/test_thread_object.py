"""The object of a green thread: what it keeps, and for how long."""

import gc
import json
import sys
import time
import unittest
import weakref

from greenhub.greenthread import GreenThread, getcurrent, sleep, spawn


class Oops(Exception):
    """Raised by the tests' own threads."""


class Thing:
    """Something that can be referred to weakly."""


def resident():
    """Bytes of memory that the process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Class(unittest.TestCase):
    def test_a_subclass_works_as_any(self):
        class Worker(GreenThread):
            __slots__ = ("job",)

            def __init__(self, job):
                super().__init__(len, None)
                self.job = job

            def wait(self):
                return "subclass"

        worker = Worker("job")
        worker.other = 1
        self.assertEqual((worker.job, worker.other, worker.wait()), ("job", 1, "subclass"))
        self.assertEqual(worker.__dict__, {"other": 1})
        self.assertIs(weakref.ref(worker)(), worker)
        self.assertFalse(worker.dead)

    def test_it_is_subscripted_in_annotations(self):
        self.assertTrue(issubclass(GreenThread[int], GreenThread))

    def test_attributes_are_kept_from_spawn_to_end(self):
        thread = spawn(lambda: getcurrent().word)
        thread.word = "word"
        self.assertEqual(thread.wait(), "word")

    def test_a_field_refuses_what_is_no_number(self):
        thread = spawn(sleep)
        with self.assertRaises(TypeError):
            thread._ident = "none"
        thread.wait()


class Keeping(unittest.TestCase):
    def test_arguments_go_with_the_end_and_the_result_with_the_object(self):
        argument, result = Thing(), Thing()
        refs = [weakref.ref(argument), weakref.ref(result)]
        thread = spawn(lambda one, two: two, argument, two=result)
        del argument, result
        thread.wait()
        self.assertIsNone(refs[0]())
        self.assertIs(refs[1](), thread.wait())
        del thread
        self.assertIsNone(refs[1]())

    def test_one_that_nobody_refers_to_runs_and_goes(self):
        thing = Thing()
        ref = weakref.ref(thing)
        spawn(lambda thing: sleep(), thing)
        del thing
        sleep(0)
        self.assertIsNotNone(ref())
        sleep(0)
        self.assertIsNone(ref())

    def test_the_collector_finds_a_thread_that_refers_to_itself(self):
        def cycles():
            by_attribute = spawn(sleep)
            by_attribute.itself = by_attribute
            by_result = spawn(getcurrent)
            by_link = spawn(sleep)
            by_link.link(lambda thread, other: None, by_link)
            by_link._doom = [by_link]
            threads = [by_attribute, by_result, by_link]
            refs = [weakref.ref(thread) for thread in threads]
            by_link._doom = None
            for thread in threads:
                thread.wait()
            by_link._entries.append(by_link)
            return refs

        gc.disable()
        try:
            refs = cycles()
            self.assertEqual([ref() is None for ref in refs], [False] * 3)
        finally:
            gc.enable()
        gc.collect()
        self.assertEqual([ref() for ref in refs], [None] * 3)

    def test_an_exception_goes_with_who_has_it(self):
        def fail():
            raise Oops

        thread = spawn(fail)
        with self.assertRaises(Oops) as caught:
            thread.wait()
        ref = weakref.ref(caught.exception)
        del thread, caught
        gc.collect()
        self.assertIsNone(ref())

    def test_references_to_what_everybody_uses_do_not_grow(self):
        def fail():
            raise Oops

        def one():
            spawn(len, "").wait()
            with self.assertRaises(Oops):
                spawn(fail).wait()
            killed = spawn(sleep)
            killed.kill()

        one()
        gc.collect()
        shared = (GreenThread, len, sleep, fail)
        before = [sys.getrefcount(thing) for thing in shared]
        for _ in range(100):
            one()
        gc.collect()
        after = [sys.getrefcount(thing) for thing in shared]
        self.assertEqual(after, before)

    def test_a_hundred_thousand_spawns_leave_memory_as_it_was(self):
        def some(count):
            for _ in range(count):
                spawn(len, "").wait()

        some(1000)
        gc.collect()
        before = resident()
        some(100000)
        gc.collect()
        self.assertLess(resident() - before, 1 << 20)

    def test_what_a_thread_used_once_and_does_not_use_goes_back_while_it_waits(self):
        nested = "[" * 60 + "]" * 60

        def use():
            json.loads(nested)
            sleep(60)

        first = resident()
        threads = [spawn(use) for _ in range(500)]
        sleep(0)
        used = resident() - first
        end = time.monotonic() + 20
        while resident() - first > used * 3 // 4 and time.monotonic() < end:
            sleep(0.05)
        # Woken again, each runs on what is left.
        for thread in threads:
            thread.kill()
        self.assertLess(time.monotonic(), end)


if __name__ == "__main__":
    unittest.main()
