"""The libraries that are compared, by the names that they have in common."""

import sys


class Library:
    def __init__(self, name):
        if name == "greenhub":
            import greenhub as module
        elif name == "gevent":
            import gevent as module
        elif name == "eventlet":
            import eventlet as module
        else:
            sys.exit("no such library: " + name)
        self.spawn = module.spawn
        self.sleep = module.sleep
        if name == "gevent":
            from gevent import monkey

            self.patch = monkey.patch_all
        else:
            self.patch = module.monkey_patch

    def result(self, thread):
        """Waits for it."""
        return thread.get() if hasattr(thread, "get") else thread.wait()
