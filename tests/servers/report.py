"""Pytest plugin: a clean environment, and an account of which tests ran against which real server.

With `SERVERS_REPORT=FILE` the counts of several runs add up; `python -m tests.servers.report` prints it.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.servers.catalog import SERVERS, missing, recorded
from tests.servers.place import CHECKOUT

__all__ = ["add", "closing_lines"]

RAN = "server"
LACKED = "server_missing"
TOTALS = CHECKOUT / "build" / "servers-report.json"
IN_GROUPS = frozenset({"opensearch-2", "opensearch-3"})
"""Heavy servers: all their tests go to one worker, which starts one node."""

tally: Counter[str] = Counter()


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith("MXHUB_")]:
        del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        heavy = [name for name in _servers(item) if name in IN_GROUPS]
        if heavy:
            item.add_marker(pytest.mark.xdist_group("-".join(heavy)))


def _servers(item: pytest.Item) -> list[str]:
    return sorted({str(name) for mark in item.iter_markers("server") for name in mark.args})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in _servers(item):
        if name not in SERVERS:
            raise pytest.UsageError(f"{item.nodeid}: no server {name!r}; known are {', '.join(SERVERS)}")
        reason = missing(name)
        item.user_properties.append((LACKED if reason else RAN, name))
        if reason and os.environ.get("CI") and not SERVERS[name].optional:
            pytest.fail(f"{name} is missing ({reason}); with CI set no test may skip for that", pytrace=False)
        if reason:
            pytest.skip(f"{name} is missing: {reason}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Runs in the controller too, where the workers' reports arrive."""
    if report.when == "setup":
        tally.update(f"{LACKED}:{name}" for key, name in report.user_properties if key == LACKED)
    elif report.when == "call" and not report.skipped:
        tally.update(f"{RAN}:{name}" for key, name in report.user_properties if key == RAN)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not tally:
        return
    if os.environ.get("SERVERS_REPORT"):
        add(tally, Path(os.environ["SERVERS_REPORT"]))
    terminalreporter.section("real servers")
    for line in closing_lines(tally):
        terminalreporter.write_line(line)


def add(more: Counter[str], into: Path = TOTALS) -> None:
    """Add counts (`server:NAME` ran, `server_missing:NAME` could not) to the totals of several runs."""
    total = _read(into) + more
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(json.dumps(total, indent=2) + "\n")


def _read(path: Path) -> Counter[str]:
    try:
        return Counter({str(name): int(number) for name, number in json.loads(path.read_text()).items()})
    except (OSError, ValueError, AttributeError):
        return Counter()


def closing_lines(total: Counter[str]) -> Iterable[str]:
    """One line per real server: name, version, tests run against it, or why it was missing."""
    versions = recorded()
    for name, server in SERVERS.items():
        ran, lacked = total[f"{RAN}:{name}"], total[f"{LACKED}:{name}"]
        reason = missing(name)
        if reason:
            yield f"{name:14} {server.title:18} MISSING, {lacked} tests not run: {reason}"
        else:
            version = versions.get(name, {}).get("version") or server.fetch()
            yield f"{name:14} {server.title:18} {version:10} {ran} tests run against it"


def main(arguments: list[str]) -> int:
    if arguments == ["--clear"]:
        TOTALS.unlink(missing_ok=True)
        return 0
    for line in closing_lines(_read(TOTALS)):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
