"""The seventeen things that the threads of `soak` do at random. Each proves its own result."""

from __future__ import annotations

import contextvars
import ctypes
import json
import os
import queue
import re
import select
import socket
import threading
import weakref
from time import sleep

import greenhub
from greenhub import tpool
from greenhub._threads import start_os_thread


class Sent(Exception):
    """What is sent to another thread."""


def switch(choice):
    """Lets others run: at once, for a moment, beneath Python or not."""
    kind = choice.randrange(4)
    if kind == 0:
        greenhub.sleep(0)
    elif kind == 1:
        greenhub.sleep(choice.random() / 200)
    elif kind == 2:
        sleep(choice.random() / 200)
    else:
        sleep(0)


#: Descriptors are few, and those who wait for them queue.
_descriptors = greenhub.Semaphore(200)


def raises(soak, choice):
    """Exceptions across switches, each with its own context, in handlers too."""
    number = choice.random()
    try:
        try:
            switch(choice)
            raise KeyError(number)
        except KeyError as first:
            switch(choice)
            assert first.args == (number,)
            raise ValueError(number) from first
        finally:
            switch(choice)
    except ValueError as second:
        switch(choice)
        assert second.args == (number,) and second.__cause__.args == (number,)
        assert second.__context__ is second.__cause__


def generates(soak, choice):
    """A generator that switches while it runs, and is closed half way."""

    def numbers():
        try:
            for number in range(10):
                switch(choice)
                yield number
        finally:
            switch(choice)
            closed.append(True)

    closed = []
    most = choice.randrange(12)
    got = []
    generator = numbers()
    for number in generator:
        if len(got) == most:
            break
        got.append(number)
        greenhub.sleep(0)
    generator.close()
    assert got == list(range(min(most, 10))) and closed == [True], (got, most, closed)


def recurses(soak, choice):
    """Deep in Python's frames, a switch; now and then as deep as it goes."""

    def down(depth):
        if depth == 0:
            switch(choice)
            return 0
        return down(depth - 1) + 1

    depth = choice.randrange(300)
    assert down(depth) == depth
    if choice.randrange(50) == 0:
        try:
            down(10**9)
            raise AssertionError("no end")
        except RecursionError:
            switch(choice)


_variable = contextvars.ContextVar("variable", default=None)


def keeps_context(soak, choice):
    """A context variable is the thread's own, and that of a copied context its own again."""
    mine = object()

    def inside():
        other = object()
        assert _variable.get() is mine
        _variable.set(other)
        switch(choice)
        assert _variable.get() is other

    token = _variable.set(mine)
    switch(choice)
    contextvars.copy_context().run(inside)
    assert _variable.get() is mine
    _variable.reset(token)


_called_back = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


def calls_back(soak, choice):
    """Python in C in Python in C, which waits at the bottom."""

    def inner(depth):
        switch(choice)
        return callback(depth - 1) + 1 if depth else 0

    callback = _called_back(inner)
    depth = choice.randrange(4)
    assert callback(depth) == depth


class _Finalized:
    def __init__(self, ends, choice):
        self.ends = ends
        self.choice = choice
        self.itself = None

    def __del__(self):
        switch(self.choice)
        self.ends.append(1)


def finalizes(soak, choice):
    """Destructors and callbacks of weak references that switch."""
    ends = []
    count = choice.randrange(1, 4)
    kept = [_Finalized(ends, choice) for _ in range(count)]
    weak = [weakref.ref(one, lambda _: ends.append(0)) for one in kept]
    del kept
    assert sorted(ends) == [0] * count + [1] * count, ends
    assert all(ref() is None for ref in weak)
    # In a cycle: collected by whoever comes to it, in the middle of anything.
    one = _Finalized([], choice)
    one.itself = one


_locks = [threading.Lock() for _ in range(20)]
_reentrant = [threading.RLock() for _ in range(20)]
_owners = {}


def locks(soak, choice):
    """One at a time, and the very one, across switches."""
    which = choice.randrange(20)
    me = object()
    if choice.randrange(2):
        with _locks[which]:
            assert _owners.setdefault(which, me) is me
            switch(choice)
            assert _owners.pop(which) is me
    else:
        with _reentrant[which], _reentrant[which]:
            assert _owners.setdefault(-which - 1, me) is me
            switch(choice)
            assert _owners.pop(-which - 1) is me
        assert not _reentrant[which]._is_owned()


_queues = [
    greenhub.Queue(),
    greenhub.Queue(5),
    greenhub.LifoQueue(),
    queue.Queue(5),
    queue.SimpleQueue(),
]


def hands_over(soak, choice):
    """Items through queues that others use too; each that puts gets one, too."""
    items = choice.choice(_queues)
    count = choice.randrange(1, 4)
    for _ in range(count):
        # A bounded queue that all fill, none empties: who puts has another get.
        getter = greenhub.spawn(items.get)
        items.put(choice)
        soak.counts["items put"] += 1
        if getter.wait() is not None:
            soak.counts["items got"] += 1


def talks(soak, choice):
    """Bytes through sockets, more than fit and less."""
    with _descriptors:
        near, far = socket.socketpair()
        with near, far:
            size = choice.choice([1, 100, 5000, 300_000])
            data = os.urandom(10) * (size // 10 + 1)

            def echoes():
                left = len(data)
                while left:
                    got = far.recv(65536)
                    left -= len(got)
                    far.sendall(got)

            thread = greenhub.spawn(echoes)
            sender = greenhub.spawn(near.sendall, data)
            got = b""
            if choice.randrange(2):
                near.settimeout(100)
            while len(got) < len(data):
                got += near.recv(65536)
            assert got == data
            thread.wait()
            sender.wait()


def _waits(choice):
    """A wait of some kind that nobody ends, and what is to be closed afterwards."""
    kind = choice.randrange(7)
    if kind == 0:
        return lambda: greenhub.sleep(1000)
    if kind == 1:
        return lambda: sleep(1000)
    if kind == 2:
        return greenhub.Event().wait
    if kind == 3:
        return threading.Event().wait
    if kind == 4:
        lock = threading.Lock()
        lock.acquire()
        return lock.acquire
    if kind == 5:
        return queue.Queue().get

    def receives():
        with _descriptors:
            near, far = socket.socketpair()
            with near, far:
                near.recv(1)

    return receives


def times_out(soak, choice):
    """A time that is over ends any wait, by its own exception."""
    call = _waits(choice)
    error = Sent()
    soak.counts["timeouts"] += 1
    try:
        with greenhub.Timeout(choice.random() / 100, error):
            call()
    except Sent as caught:
        assert caught is error
        soak.counts["timeouts arrived"] += 1


def kills(soak, choice):
    """A kill ends any wait, by its own exception; the thread can wait again."""

    def victim():
        try:
            call()
        except Sent as caught:
            assert caught is error
            switch(choice)
            return "killed"

    call, error = _waits(choice), Sent()
    thread = greenhub.spawn(victim)
    switch(choice)
    while not thread:
        greenhub.sleep(0)
    soak.counts["kills sent"] += 1
    thread.kill(error)
    if thread.wait() == "killed":
        soak.counts["kills arrived"] += 1


def spawns(soak, choice):
    """Threads that have threads; results, and exceptions as results."""

    def child(number):
        switch(choice)
        if number % 3 == 0:
            raise Sent(number)
        return number

    threads = [greenhub.spawn(child, number) for number in range(choice.randrange(1, 5))]
    for number, thread in enumerate(threads):
        try:
            assert thread.wait() == number and number % 3
        except Sent as error:
            assert error.args == (number,) and number % 3 == 0


_requests = queue.SimpleQueue()
_served = []


def _serves():
    """An OS thread, with a hub of its own when it sleeps."""
    while True:
        number, answer = _requests.get()
        if number % 5 == 0:
            greenhub.sleep(0.001)
        answer(number + 1)


def asks_an_os_thread(soak, choice):
    """Work for OS threads, answered through events, queues and pools."""
    if not _served:
        _served.append(True)
        for _ in range(2):
            start_os_thread(_serves, ())
    number, kind = choice.randrange(1000), choice.randrange(3)
    if kind == 0:
        assert tpool.execute(lambda: number + 1) == number + 1
    elif kind == 1:
        event = greenhub.Event()
        _requests.put((number, event.send))
        assert event.wait() == number + 1
    else:
        answers = queue.Queue()
        _requests.put((number, answers.put))
        assert answers.get() == number + 1


def parses(soak, choice):
    """json and regular expressions whose functions switch."""
    data = {"list": [{"number": number} for number in range(5)]}

    def hook(found):
        switch(choice)
        return found

    assert json.loads(json.dumps(data), object_hook=hook) == data

    def twice(match):
        greenhub.sleep(0)
        return match.group() * 2

    assert re.sub("[a-c]", twice, "abcd") == "aabbccd"


class _Ordered:
    def __init__(self, number):
        self.number = number

    def __lt__(self, other):
        greenhub.sleep(0)
        return self.number < other.number


def sorts(soak, choice):
    """Sorting with keys and comparisons that switch."""
    numbers = [choice.randrange(100) for _ in range(6)]

    def key(number):
        switch(choice)
        return -number

    assert sorted(numbers, key=key) == sorted(numbers, reverse=True)
    assert [one.number for one in sorted(map(_Ordered, numbers))] == sorted(numbers)


def selects(soak, choice):
    """Pipes that are waited for by select, poll and epoll, which another thread writes to."""
    with _descriptors:
        reader, writer = os.pipe()
        try:
            thread = greenhub.spawn_after(choice.random() / 200, os.write, writer, b"x")
            kind = choice.randrange(3)
            if kind == 0:
                assert select.select([reader], [], []) == ([reader], [], [])
            elif kind == 1:
                poll = select.poll()
                poll.register(reader, select.POLLIN)
                assert poll.poll(100_000) == [(reader, select.POLLIN)]
            else:
                with select.epoll() as poll:
                    poll.register(reader, select.EPOLLIN)
                    assert poll.poll() == [(reader, select.EPOLLIN)]
            assert os.read(reader, 10) == b"x" and thread.wait() == 1
        finally:
            os.close(reader)
            os.close(writer)


class _Awaited:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value
        return got


def drives_coroutines(soak, choice):
    """Coroutines, driven by a thread that switches between their steps."""

    async def inner(number):
        switch(choice)
        return await _Awaited(number)

    async def outer():
        return [await inner(number) for number in range(3)]

    coroutine = outer()
    value = None
    try:
        while True:
            value = coroutine.send(value)
            switch(choice)
    except StopIteration as end:
        assert end.value == [0, 1, 2]


ALL = [
    raises, generates, recurses, keeps_context, calls_back, finalizes, locks, hands_over, talks,
    times_out, kills, spawns, asks_an_os_thread, parses, sorts, selects, drives_coroutines,
]  # fmt: skip
