"""A Redis that writes nothing to disk, on a port."""

from __future__ import annotations

import functools

from servers import Server, find_program, free_port, is_listening


class Redis(Server):
    def __init__(self) -> None:
        super().__init__("redis", "nobody")
        self.port = 0

    def run(self) -> None:
        """Starts the server, or starts it again, with nothing in it."""
        self.kill()
        self.port = free_port()
        self.start(
            find_program("redis-server"),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder),
            *("--save", "", "--appendonly", "no"),
            ready=lambda: is_listening(self.port),
        )

    @property
    def address(self) -> str:
        return str(self.port)


@functools.lru_cache(maxsize=None)
def shared() -> Redis:
    """The one of all tests, which a test that ends it has to start again."""
    server = Redis()
    server.run()
    return server
