"""Pytest plugin: which worker runs what. A file's tests run on one, since they share what its module makes.

Tests of `tests/acceptance` mostly wait. Each is dealt out alone, before all others but on the first worker,
which keeps a processor busy meanwhile. Others wait, too: there is a worker more than processors. What names
a group (`xdist_group`) stays together.
"""

import os
from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

__all__ = ["Spread"]

_WAITING = "tests/acceptance/"
_BUSY = "gw0"
_MANY = 300
"""A file with more tests is divided by its tests' first parameter, as a store."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors for us."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "Spread | None":
    return Spread(config, log) if config.getvalue("dist") == "loadgroup" else None


class Spread(LoadGroupScheduling):
    """Forgets what is done and knows where a test stands: its base looks through all tests for each one."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._places: dict[str, int] = {}
        self._counts: Counter[str] = Counter()

    def schedule(self) -> None:
        if self.collection is None:
            nodeids = next(iter(self.registered_collections.values()))
            self._places = {nodeid: place for place, nodeid in enumerate(nodeids)}
            self._counts.update(map(_file, nodeids))
        super().schedule()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        del duration
        nodeid = self.registered_collections[node][item_index]
        scope = self._split_scope(nodeid)
        unit = self.assigned_work[node][scope]
        unit[nodeid] = True
        if all(unit.values()):
            del self.assigned_work[node][scope]
        self._reschedule(node)

    def _assign_work_unit(self, node: Any) -> None:
        is_busy = node.gateway.id == _BUSY
        scope = min(self.workqueue, key=lambda each: self._turn(each, is_busy=is_busy))
        unit = self.workqueue.pop(scope)
        self.assigned_work.setdefault(node, {})[scope] = unit
        node.send_runtest_some([self._places[nodeid] for nodeid, done in unit.items() if not done])

    def _turn(self, scope: str, *, is_busy: bool) -> tuple[bool, int]:
        """Of several that do not wait the longest comes first: at the end no worker is left with it."""
        return scope.startswith(_WAITING) is is_busy, -len(self.workqueue[scope])

    def _split_scope(self, nodeid: str) -> str:
        group = super()._split_scope(nodeid)
        if group != nodeid or nodeid.startswith(_WAITING):
            return group
        file = _file(nodeid)
        if self._counts[file] > _MANY:
            return f"{file}[{nodeid.partition('[')[2].partition('-')[0]}"
        return file


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
