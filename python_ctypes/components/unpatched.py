"""The slow calls of a module of tests in green threads, where nothing is patched.

Usage: unpatched.py MODULE.py ADDRESS COUNT SECONDS. Prints how long COUNT calls of SECONDS took.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import greenhub


def main(path: str, address: str, count: str, seconds: str) -> None:
    module = importlib.import_module(Path(path).stem)
    clients = [module.connect(address) for _ in range(int(count))]
    begin = time.monotonic()
    threads = [greenhub.spawn(module.slow, client, float(seconds)) for client in clients]
    for thread in threads:
        thread.wait()
    print(time.monotonic() - begin)
    for client in clients:
        client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
