"""Attributes of each green thread's own."""

import threading
import unittest
import weakref

from greenhub.corolocal import get_ident, local
from greenhub.greenthread import sleep, spawn


class Thing:
    """Something that a weak reference can watch."""


class Locals(unittest.TestCase):
    def test_each_green_thread_sees_what_it_has_set(self):
        here = local()
        here.word = "root"

        def thread(word):
            self.assertFalse(hasattr(here, "word"))
            here.word = word
            sleep(0)
            return here.word, dict(here.__dict__)

        threads = [spawn(thread, word) for word in "ab"]
        self.assertEqual(threads[0].wait(), ("a", {"word": "a"}))
        self.assertEqual(threads[1].wait(), ("b", {"word": "b"}))
        self.assertEqual(here.word, "root")
        del here.word
        with self.assertRaises(AttributeError):
            _ = here.word
        with self.assertRaises(AttributeError):
            del here.word

    def test_a_subclass_begins_anew_in_each_thread(self):
        class Counter(local):
            kind = "class"

            def __init__(self, start, step=1):
                self.value = start
                self.step = step

            def next(self):
                self.value += self.step
                return self.value

            @property
            def half(self):
                return self.value / 2

            @half.setter
            def half(self, half):
                self.value = half * 2

        counter = Counter(10, step=2)
        self.assertEqual([counter.next(), counter.next()], [12, 14])
        self.assertEqual(spawn(counter.next).wait(), 12)
        self.assertEqual((counter.value, counter.kind), (14, "class"))
        counter.half = 4
        self.assertEqual((counter.value, counter.half), (8, 4))
        with self.assertRaises(TypeError):
            local(1)

    def test_what_a_thread_has_set_goes_with_it(self):
        here = local()
        refs = []

        def thread():
            here.thing = Thing()
            refs.append(weakref.ref(here.thing))

        spawn(thread).wait()
        sleep(0)
        self.assertIsNone(refs[0]())

    def test_os_threads_have_their_own_too(self):
        here = local()
        here.word = "here"
        seen = []
        os_thread = threading.Thread(target=lambda: seen.append(hasattr(here, "word")))
        os_thread.start()
        os_thread.join()
        self.assertEqual(seen, [False])

    def test_idents_are_never_used_again(self):
        idents = [get_ident()]
        for _ in range(20):
            idents.append(spawn(get_ident).wait())
        self.assertEqual(len(set(idents)), 21)


if __name__ == "__main__":
    unittest.main()
