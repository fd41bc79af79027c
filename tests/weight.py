"""Pytest plugin: what a test costs. What is heavy by its fixtures is marked here, so that nobody forgets it.

At the end of a run it names the tests that `make check` would run although they take long.
"""

import gc
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.servers.place import QUICK

__all__ = ["FRESH", "HEAVY", "SHARED", "TASTE"]

HEAVY: Mapping[str, str] = {
    "every": "integration",  # every route of the core, asked in some ten ways
    "demo": "acceptance",
}
"""Fixture -> the mark of every test that uses it, directly or not."""
FRESH = frozenset({"core_url", "bucket_server"})
"""Fixtures of tests that have a core's store or a sandbox made for each: a tenth of a second, or more."""
SHARED = "shared_url"
"""The fixture of those that share one with their module, and cost little."""
TASTE = 2
"""So many of a file's tests with something `FRESH` stay in `make check`; the others are marked."""
_MARKS = frozenset({"integration", "acceptance", "chaos", "slow"})
_MOST_S = 1.0
_COST = "processor_s"

_costly: dict[str, float] = {}


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()
    settings.register_profile("mxhub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("mxhub")  # how long an example takes is the machine's doing: pytest's limit holds
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain()])
    if QUICK != "/tmp" and "PYTEST_DEBUG_TEMPROOT" not in os.environ and config.option.basetemp is None:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = QUICK


def _plain() -> structlog.dev.ConsoleRenderer:
    """Without tracebacks that are drawn: each costs a tenth of a second."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tasted: dict[Path, set[str]] = {}
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & FRESH and SHARED not in fixtures and not _is_marked(item):
            _mark_beyond_a_taste(item, tasted.setdefault(item.path, set()))
        for name in HEAVY.keys() & fixtures:
            item.add_marker(HEAVY[name])


def _mark_beyond_a_taste(item: pytest.Item, tasted: set[str]) -> None:
    """What stays are tests of different behaviour, not one with several parameters."""
    behaviour = item.name.partition("[")[0]
    if behaviour in tasted or len(tasted) == TASTE:
        item.add_marker("integration")
    tasted |= {behaviour} if len(tasted) < TASTE else set()


def _is_marked(item: pytest.Item) -> bool:
    return bool(_MARKS & {mark.name for mark in item.iter_markers()})


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: whoever looks for garbage later need not look at them."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Processor time of this process: what else the machine does is not the test's fault."""
    begin = time.process_time()
    yield
    spent = time.process_time() - begin
    if spent > _MOST_S and not _is_marked(item):
        item.user_properties.append((_COST, spent))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Runs in the controller too, where the workers' reports arrive."""
    for name, value in report.user_properties:
        if name == _COST and report.when == "call":
            _costly[report.nodeid] = float(str(value))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not _costly:
        return
    terminalreporter.section(f"over {_MOST_S} s of processor time: mark them slow, or make them cheaper")
    for name, spent in sorted(_costly.items(), key=lambda each: -each[1]):
        terminalreporter.write_line(f"{spent:5.1f} s  {name}")
