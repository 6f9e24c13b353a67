"""The web server of web_server.py, with a certificate of the tests' own."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from servers import Server, find_program

_PROGRAM = Path(__file__).with_name("web_server.py")


def _certificate(server: Server, name: str) -> tuple[Path, Path]:
    """Makes a certificate that is its own authority, and its key."""
    certificate, key = server.folder / (name + ".pem"), server.folder / (name + "-key.pem")
    server.prepare(
        find_program("openssl"),
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", "2", "-subj", "/CN=" + name),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        # Without it Python 3.13 takes no certificate for an authority's.
        *("-addext", "keyUsage=critical,keyCertSign,digitalSignature"),
        *("-keyout", key, "-out", certificate),
    )
    return certificate, key


class Web(Server):
    def __init__(self) -> None:
        super().__init__()
        self._certificate, self._key = _certificate(self, "server")
        self._ports = self.folder / "ports"

    def run(self) -> None:
        """Starts the server, or starts it again."""
        self.kill()
        self._ports.write_text("")
        self.start(
            sys.executable,
            *(_PROGRAM, self._certificate, self._key, self._ports),
            ready=lambda: self._ports.read_text().endswith("\n"),
        )

    def _address(self, scheme: str, at: int) -> str:
        port = self._ports.read_text().split()[at]
        return "%s://127.0.0.1:%s %s" % (scheme, port, self._certificate)

    @property
    def plain_address(self) -> str:
        """A URL, and the path of a certificate that is not needed."""
        return self._address("http", 0)

    @property
    def secure_address(self) -> str:
        """A URL, and the path of the certificate to be trusted."""
        return self._address("https", 1)

    def another_certificate(self) -> Path:
        """One that is not the server's."""
        return _certificate(self, "another")[0]


@functools.lru_cache(maxsize=None)
def shared() -> Web:
    """The one of all tests, which a test that ends it has to start again."""
    server = Web()
    server.run()
    return server
