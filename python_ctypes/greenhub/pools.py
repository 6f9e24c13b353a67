"""A pool of things that are made when needed, and used by one green thread at a time."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from .semaphore import Semaphore

__all__ = ["Pool", "Token", "TokenPool"]


class Pool:
    """Connections, say: `get` takes one, making it if there is none free and there may be more.

    Either ``create`` is given, or a subclass has a method of that name. Whoever has waited
    longest gets first. Every method may be called from any OS thread.
    """

    def __init__(
        self,
        min_size: int = 0,
        max_size: int = 4,
        order_as_stack: bool = False,
        create: Callable[[], Any] | None = None,
    ) -> None:
        """
        :param min_size: how many to make now.
        :param max_size: how many there may be.
        :param order_as_stack: whether to give what was put back last, rather than first.
        :param create: makes a thing; it may wait.
        """
        self.min_size = min_size
        self.max_size = max_size
        self.order_as_stack = order_as_stack
        if create is not None:
            self.create = create  # type: ignore[method-assign]
        #: Those that nobody uses.
        self.free_items: deque[Any] = deque()
        # To hold one is to hold a thing, or to be making it.
        self._rights = Semaphore(max_size)
        # One entry for each thing that there is or that is being made; to append and to pop is
        # atomic. Not reckoned from the rights: who was handed one may not have taken its thing yet.
        self._things: list[None] = []
        for _ in range(min_size):
            self.free_items.append(self.create())
            self._things.append(None)

    def create(self) -> Any:
        """Makes a thing."""
        raise NotImplementedError("give Pool a create, or override it")

    @property
    def current_size(self) -> int:
        """How many things there are, used or not."""
        return len(self._things)

    def get(self) -> Any:
        """Takes a thing, which has to be `put` back.

        :raises BaseException: what ``create`` raises; then somebody else may try.

        Suspends while all are in use, and if ``create`` does.
        """
        self._rights.acquire()
        try:
            return self.free_items.popleft()
        except IndexError:
            pass
        self._things.append(None)
        try:
            return self.create()
        except BaseException:
            self._things.pop()
            self._rights.release()
            raise

    def put(self, item: Any) -> None:
        """Puts a thing back, or another in its place. Does not suspend."""
        if self.current_size > self.max_size:
            # Made smaller meanwhile.
            self._things.pop()
        elif self.order_as_stack:
            self.free_items.appendleft(item)
        else:
            self.free_items.append(item)
        self._rights.release()

    @contextmanager
    def item(self) -> Iterator[Any]:
        """``with pool.item() as thing:`` has it put back at the block's end."""
        thing = self.get()
        try:
            yield thing
        finally:
            self.put(thing)

    def resize(self, new_size: int) -> None:
        """Changes how many there may be. Those in excess are dropped as they are put back."""
        self._rights._add(new_size - self.max_size)
        self.max_size = new_size

    def free(self) -> int:
        """How many can be taken without waiting for one to be put back."""
        return self._rights.counter

    def waiting(self) -> int:
        """How many threads wait in `get`."""
        return max(0, -self._rights.balance)


class Token:
    """Means that its holder may do something."""


class TokenPool(Pool):
    """A pool of tokens: no more than ``max_size`` threads do something at a time."""

    def create(self) -> Token:
        """Makes a token."""
        return Token()
