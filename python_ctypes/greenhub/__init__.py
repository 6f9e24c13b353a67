"""Green threads for unmodified Python code.

``import greenhub as eventlet`` runs most programs that were written for eventlet; what differs,
and why, is in docs/eventlet.md. Importing this patches nothing and starts nothing.
"""

from . import (
    convenience,
    corolocal,
    dagpool,
    debug,
    event,
    greenpool,
    greenthread,
    group,
    hubs,
    patcher,
    pools,
    queue,
    semaphore,
    socket,
    threadpool,
    timeout,
    tpool,
)
from ._bindings import GH_VERSION_STRING
from ._failures import set_excepthook
from ._preemption import preempt
from ._watchdog import WatchdogReport, watchdog
from .convenience import StopServe, connect, listen, serve, wrap_ssl
from .event import Event
from .greenpool import GreenPile, GreenPool
from .greenthread import (
    GreenletExit,
    GreenThread,
    cancel,
    getcurrent,
    kill,
    sleep,
    spawn,
    spawn_after,
    spawn_after_local,
    spawn_n,
)
from .group import Group, iwait, joinall, killall
from .patcher import import_patched, is_monkey_patched, monkey_patch
from .queue import LifoQueue, LightQueue, PriorityQueue, Queue
from .semaphore import BoundedSemaphore, CappedSemaphore, Semaphore
from .threadpool import ThreadPool
from .timeout import Timeout, is_timeout, with_timeout, wrap_is_timeout

__version__ = GH_VERSION_STRING

__all__ = [
    "BoundedSemaphore",
    "CappedSemaphore",
    "Event",
    "GreenPile",
    "GreenPool",
    "GreenThread",
    "GreenletExit",
    "Group",
    "LifoQueue",
    "LightQueue",
    "PriorityQueue",
    "Queue",
    "Semaphore",
    "StopServe",
    "ThreadPool",
    "Timeout",
    "WatchdogReport",
    "cancel",
    "connect",
    "convenience",
    "corolocal",
    "dagpool",
    "debug",
    "event",
    "getcurrent",
    "greenpool",
    "greenthread",
    "group",
    "hubs",
    "import_patched",
    "is_monkey_patched",
    "is_timeout",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "listen",
    "monkey_patch",
    "patcher",
    "pools",
    "preempt",
    "queue",
    "semaphore",
    "serve",
    "set_excepthook",
    "sleep",
    "socket",
    "spawn",
    "spawn_after",
    "spawn_after_local",
    "spawn_n",
    "threadpool",
    "timeout",
    "tpool",
    "watchdog",
    "with_timeout",
    "wrap_is_timeout",
    "wrap_ssl",
]
