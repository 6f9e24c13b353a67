"""The machine a benchmark runs on: what it is, which cores to use, whether it is quiet."""

import os
import platform
import resource
import time


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _field(path, key):
    for line in _read(path).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _siblings(cpu):
    """The hyper-threads that share a physical core with `cpu`, itself included."""
    text = _read("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu).strip()
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found or {cpu}


class Cores:
    """One core for what is measured and another for the load, apart from each other if possible."""

    def __init__(self):
        allowed = sorted(os.sched_getaffinity(0))
        # The first core tends to get the interrupts: leave it to the load.
        self.server = allowed[-1]
        others = [cpu for cpu in allowed if cpu != self.server]
        apart = [cpu for cpu in others if cpu not in _siblings(self.server)]
        self.load = (apart or others or [self.server])[0]
        self.both = {self.server, self.load}

    def warnings(self):
        if self.load == self.server:
            yield "only one core may be used here: server and load share it, so expect noise"
        elif self.load in _siblings(self.server):
            yield "server and load run on two hyper-threads of one physical core"


def describe(cores):
    memory_kib = int(_field("/proc/meminfo", "MemTotal").split()[0] or 0)
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "architecture": platform.machine(),
        "kernel": os.uname().release,
        "cores": os.cpu_count(),
        "server_core": cores.server,
        "load_core": cores.load,
        "memory_gib": round(memory_kib / 1048576.0, 1),
        "max_map_count": max_map_count(),
    }


def max_map_count():
    return int(_read("/proc/sys/vm/max_map_count") or 0)


def available_kib():
    return int(_field("/proc/meminfo", "MemAvailable").split()[0])


def raise_descriptor_limit():
    """Programs inherit it. Returns what they get."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def busy_share(seconds=0.5):
    """The share of all cores that somebody uses, or takes from this machine, while we sleep."""

    def ticks():
        numbers = [int(text) for text in _read("/proc/stat").splitlines()[0].split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]

    total, idle = ticks()
    time.sleep(seconds)
    total_after, idle_after = ticks()
    return 1.0 - (idle_after - idle) / max(1.0, total_after - total)
