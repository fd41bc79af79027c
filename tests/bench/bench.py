"""What every row is given: sizes, the load generator, and a way to say what goes on."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from tests.bench.load import Load
from tests.bench.player import Plan, Played

__all__ = ["Bench", "Incorrect", "cpu_note"]

_Size = TypeVar("_Size", int, float)


class Incorrect(AssertionError):
    """What was measured did not do its job, so its speed means nothing."""


@dataclass(frozen=True, slots=True)
class Bench:
    load: Load
    quick: bool = False
    archive_events: int = 1_000_000
    core_rows: int = 1_000_000

    def size(self, full: _Size, quick: _Size) -> _Size:
        """The one or the other."""
        return quick if self.quick else full

    def say(self, text: str) -> None:
        """Progress, apart from the table."""
        print(f"  .. {text}", file=sys.stderr, flush=True)

    async def play(self, plan: Plan) -> Played:
        """Play a plan; every request must have been acknowledged.

        Raises `Incorrect` otherwise.
        """
        played = await self.load.play(plan)
        wrong = {status: n for status, n in played.statuses.items() if status != plan.target.status}
        if wrong or not played.ok:
            raise Incorrect(f"{played.ok} acknowledged, and these answers: {wrong} (0 = connection broken)")
        await asyncio.sleep(0)
        return played


def cpu_note(before: Mapping[str, float], after: Mapping[str, float], events: int) -> str:
    """`CPU us/event: serve 190, server 37`: user and system time of each process, steadier than rates."""
    spent = {role: (after[role] - before[role]) / max(events, 1) * 1e6 for role in after if role in before}
    return "CPU us/event: " + ", ".join(f"{role} {us:,.0f}" for role, us in spent.items() if us >= 0.5)
