"""``from greenhub.green import socket``: the standard library, with what it waits for patched.

eventlet has copies of some modules here. These are the modules themselves: whatever is imported
from here is imported as ever, after `monkey_patch` of everything.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Sequence

from ..patcher import monkey_patch

_PREFIX = __name__ + "."

#: eventlet's names for modules that Python 3 has renamed.
_RENAMED = {
    "BaseHTTPServer": "http.server",
    "CGIHTTPServer": "http.server",
    "Queue": "queue",
    "SimpleHTTPServer": "http.server",
    "SocketServer": "socketserver",
    "_socket_nodns": "socket",
    "builtin": "builtins",
    "httplib": "http.client",
    "thread": "_thread",
    "urllib2": "urllib.request",
}


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname.startswith(_PREFIX) else None

    def create_module(self, spec: ModuleSpec) -> None:
        """An empty one, which the import system writes into, and not into the real one."""

    def exec_module(self, module: ModuleType) -> None:
        fullname = module.__name__
        name = fullname[len(_PREFIX) :]
        name = _RENAMED.get(name, name)
        try:
            # What is found here is what the import gives (importlib, "sys.modules").
            sys.modules[fullname] = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ModuleNotFoundError("No module named %r" % fullname, name=fullname) from None


monkey_patch()
# Before the finder of files, which would make a second copy of what lies in a package's folder.
sys.meta_path.insert(0, _Finder())
