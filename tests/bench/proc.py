"""What a process has used: CPU time and memory, from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["cpu_s", "pss_mb", "rss_mb", "tree"]

_HZ = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """Fields from the state on; the name before them may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_s(pid: int) -> float:
    """User and system seconds so far, without children; 0 for a process that is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _HZ if fields else 0.0


def tree(pid: int) -> list[int]:
    """The process and everything it started that still runs."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (fields := _stat(int(path.name))):
            parents.setdefault(int(fields[1]), []).append(int(path.name))
    found, at = [pid], 0
    while at < len(found):
        found += parents.get(found[at], [])
        at += 1
    return found


def _sum_mb(pids: Iterable[int], file: str, name: str) -> float:
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/{file}").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(name))
    return total / 1024


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory, shared pages counted in each process."""
    return _sum_mb(pids, "status", "VmRSS:")


def pss_mb(pids: Iterable[int]) -> float:
    """Proportional memory: a page shared by two counts half in each."""
    return _sum_mb(pids, "smaps_rollup", "Pss:")
