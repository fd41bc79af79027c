"""Pytest plugin: which examples of the vendors' pages ran, and by name those that did not.

The counts add up with those of `tests.servers.report`; `python -m tests.vendors.report` prints them.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import report as servers
from tests.vendors.model import VENDORS, vendor_of
from tests.vendors.pages import pages_folder

__all__ = ["RAN", "Standing", "closing_lines", "standing"]

RAN = "vendor_example"
WITHIN = "tests/vendors/"
_touched: set[str] = set()
_ran: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Ids of a vendor's examples."""

    runs: tuple[str, ...]
    waits: tuple[str, ...]
    """Requests that no dialect answers yet."""
    stands: tuple[str, ...]
    """Names that stand for other examples."""


def standing(name: str) -> Standing:
    """How the examples of one of `VENDORS` stand."""
    every = vendor_of(name).examples
    return Standing(
        runs=tuple(one.id for one in every if one.route),
        waits=tuple(one.id for one in every if not one.route and not one.covered_by),
        stands=tuple(one.id for one in every if one.covered_by),
    )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.nodeid.startswith(WITHIN):
        _touched.add(report.nodeid)
    if report.when == "call" and report.passed:
        _ran.update(str(value) for key, value in report.user_properties if key == RAN)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not _touched:
        return
    if os.environ.get("SERVERS_REPORT"):
        servers.add(Counter({f"{RAN}:{one}": 1 for one in _ran}), Path(os.environ["SERVERS_REPORT"]))
    terminalreporter.section("examples of the vendors' pages")
    for line in closing_lines(_ran):
        terminalreporter.write_line(line)


def closing_lines(ran: set[str]) -> Iterable[str]:
    """A line for each vendor: how many examples ran of how many, and the names of the others."""
    for name in VENDORS:
        found = standing(name)
        missed = [one for one in found.runs if f"{name}:{one}" not in ran]
        done = len(found.runs) - len(missed)
        yield f"{name:16} {done} of {done + len(missed) + len(found.waits)} examples ran by curl"
        yield from _names("could not run or failed", missed)
        yield from _names("waiting for the dialect", found.waits)
    if pages_folder() is None:
        yield "the vendors' pages are not here: counts were compared with those recorded, not with the pages"


def _names(what: str, ids: Iterable[str]) -> Iterable[str]:
    names = ", ".join(ids)
    if names:
        yield f"{'':16} {what}: {names}"


def main() -> None:
    counts = json.loads(servers.TOTALS.read_text()) if servers.TOTALS.exists() else {}
    for line in closing_lines({key.partition(":")[2] for key in counts if key.startswith(f"{RAN}:")}):
        print(line)


if __name__ == "__main__":
    main()
