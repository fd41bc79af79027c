"""What the figures were measured on, and how quiet it was."""

import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from tests.bench.payload import body

__all__ = ["Machine"]

_HZ = os.sysconf("SC_CLK_TCK")
_ROUNDS = 3000


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def _speed_us() -> float:
    """CPU microseconds of one `orjson.loads` of a webhook body: the drift of the host shows in it."""
    data = body(1)
    best = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(_ROUNDS):
            orjson.loads(data)
        best.append((time.process_time() - began) / _ROUNDS * 1e6)
    return round(statistics.median(best), 2)


def _fsync_ms() -> float:
    """Median of write and fdatasync of 13 KB, appending."""
    spent = []
    with tempfile.NamedTemporaryFile(prefix="mxhub-bench-") as file:
        for _ in range(200):
            began = time.perf_counter()
            os.write(file.fileno(), b"x" * 13_000)
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - began) * 1e3)
    return round(statistics.median(spent), 2)


def _ticks() -> list[int]:
    """user, nice, system, idle, iowait, irq, softirq, steal of all CPUs."""
    return [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


class Machine:
    """Facts taken at the start, drift and foreign load added at the end."""

    def __init__(self) -> None:
        self._ticks = _ticks()
        self._own = os.times()
        self._speed = _speed_us()
        self._facts = {
            "cpu": _model(),
            "cores": os.cpu_count(),
            "memory_gb": _memory_gb(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "aiohttp": version("aiohttp"),
            "uvloop": version("uvloop"),
            "redis-py": version("redis"),
            "fsync_ms": _fsync_ms(),
            "load_before": round(os.getloadavg()[0], 2),
        }

    def facts(self) -> dict[str, Any]:
        """All of it, with the share of the CPUs that others took meanwhile."""
        now, own = _ticks(), os.times()
        passed = sum(now) - sum(self._ticks) or 1
        idle = now[3] + now[4] - self._ticks[3] - self._ticks[4]
        steal = now[7] - self._ticks[7]
        used = sum(own[:4]) - sum(self._own[:4])
        foreign = max(passed - idle - steal - used * _HZ, 0)
        return {
            **self._facts,
            "speed_us": f"{self._speed} to {_speed_us()}",
            "stolen_percent": round(100 * steal / passed, 1),
            "others_percent": round(100 * foreign / passed, 1),
        }
