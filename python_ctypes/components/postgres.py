"""A PostgreSQL: a cluster without passwords, on a port and on a socket in its folder."""

from __future__ import annotations

import functools
import signal

from servers import Server, find_program, free_port

#: Takes so many seconds.
SLEEP = "select pg_sleep(%s)"
#: Four megabytes, of which parts come with pauses.
LARGE = (
    "select repeat('x', 1000) from generate_series(1, 4000) as number"
    " where number % 1000 > 0 or pg_sleep(0.02) is not null"
)


class Postgres(Server):
    def __init__(self) -> None:
        # SIGQUIT, and not SIGKILL: it gives shared memory back, and ends its children.
        super().__init__("postgres", "nobody", ends_by=signal.SIGQUIT)
        self.port = 0
        options = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust"]
        self.prepare(
            find_program("initdb"), *options, "--username=greenhub", "-D", self.folder / "data"
        )

    def run(self) -> None:
        """Starts the server, or starts it again: what was killed recovers first."""
        self.kill()
        self.port = free_port()
        settings = {"listen_addresses": "127.0.0.1", "max_connections": "120", "fsync": "off"}
        options = [word for item in settings.items() for word in ("-c", "%s=%s" % item)]
        self.start(
            find_program("postgres"),
            *("-D", self.folder / "data", "-k", self.folder, "-p", str(self.port), *options),
            ready=self._is_ready,
        )

    def _is_ready(self) -> bool:
        # The last line of its file of state says so.
        try:
            state = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(state) > 7 and state[7].strip() == "ready"

    @property
    def address(self) -> str:
        return "host=127.0.0.1 port=%d user=greenhub dbname=postgres" % self.port

    @property
    def socket_address(self) -> str:
        return "host=%s port=%d user=greenhub dbname=postgres" % (self.folder, self.port)


@functools.lru_cache(maxsize=None)
def shared() -> Postgres:
    """The one of all tests, which a test that ends it has to start again."""
    server = Postgres()
    server.run()
    return server
