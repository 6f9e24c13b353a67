"""A MariaDB without passwords, on a port."""

from __future__ import annotations

import functools

from servers import Server, find_program, free_port, is_listening


class MariaDB(Server):
    def __init__(self) -> None:
        super().__init__("mysql", "nobody")
        self.port = 0
        self.prepare(
            find_program("mariadb-install-db"),
            *("--no-defaults", "--auth-root-authentication-method=normal"),
            *("--skip-name-resolve", "--datadir=%s" % (self.folder / "data")),
        )

    def run(self) -> None:
        """Starts the server, or starts it again: what was killed recovers first."""
        self.kill()
        self.port = free_port()
        self.start(
            find_program("mariadbd"),
            *("--no-defaults", "--bind-address=127.0.0.1", "--port=%d" % self.port),
            *("--datadir=%s" % (self.folder / "data"), "--socket=%s" % (self.folder / "socket")),
            *("--pid-file=%s" % (self.folder / "pid"), "--max-connections=120"),
            *("--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"),
            ready=lambda: is_listening(self.port),
        )

    @property
    def address(self) -> str:
        return str(self.port)


@functools.lru_cache(maxsize=None)
def shared() -> MariaDB:
    """The one of all tests, which a test that ends it has to start again."""
    server = MariaDB()
    server.run()
    return server
