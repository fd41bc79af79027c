"""Runs each detector on its period, in one process at a time, whatever dies meanwhile.

A job's row says who works on it (`state`, empty when nobody) and when it may be taken (`since_ms`: when it is
due, or when the lease of who works on it ends). The events of a run, the state they change and the job's next
date are one transaction, which fails when the lease went to somebody else: a process that was paused for an
hour and goes on tells nothing twice.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.detectors.event import Event
from core.store.clock import Clock
from core.store.database import Database
from core.store.tables import detector_states
from core.store.tenancy import OPERATOR
from hub.sql import upsert
from hub.telemetry.metrics import METRICS

__all__ = ["Job", "LeaseLost", "Scheduler"]

_DETECTOR: Final = "job"
_JITTER: Final = 0.1
_RETRY_MS: Final = 60_000
_LONGEST_SLEEP_S: Final = 30.0
_log = structlog.get_logger(__name__)
_row = detector_states.c

Detect = Callable[[AsyncConnection, int, Any], Awaitable[Sequence[Event]]]


class LeaseLost(Exception):
    """Another process has taken the job: what this one found is not written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`observe` looks at the world, outside of any transaction; `detect(tx, now_ms, observed)` judges it."""

    name: str
    period_ms: int
    detect: Detect
    observe: Callable[[], Awaitable[Any]] | None = None
    lease_ms: int = 120_000

    def sane_until(self, now_ms: int) -> int:
        """Later than this no date of the job can be, unless a clock was wrong when it was written."""
        return now_ms + 2 * max(self.period_ms, self.lease_ms, _RETRY_MS)


@dataclass(slots=True)
class Scheduler:
    """`run()` until cancelled; `once(job)` is one attempt."""

    database: Database
    jobs: Sequence[Job]
    clock: Clock
    rng: Random = field(default_factory=Random)
    told: Callable[[Sequence[Event]], None] = lambda _: None
    """Called after each commit that wrote events: wake who delivers them."""

    async def run(self) -> None:
        """Each job on its own, so that one that hangs holds up no other."""
        async with asyncio.TaskGroup() as group:
            for job in self.jobs:
                group.create_task(self._drive(job), name=f"detector {job.name}")

    async def once(self, job: Job) -> Sequence[Event] | None:
        """Run it if it is due and free; `None` when it is not. Raises what the job or the store raises."""
        token = secrets.token_hex(8)
        if not await self._claim(job, token):
            return None
        try:
            observed = await job.observe() if job.observe is not None else None
            now_ms = self.clock()
            async with self.database.begin() as tx:
                events = await job.detect(tx, now_ms, observed)
                await self._finish(tx, job, token, now_ms + self._spread(job.period_ms))
        except LeaseLost:
            raise
        except Exception:
            await self._give_back(job, token)
            raise
        if events:
            self.told(events)
        return events

    async def _drive(self, job: Job) -> None:
        while True:
            try:
                await self.once(job)
                wait_ms = await self._due_in(job)
            except LeaseLost:
                _log.warning("core.detector.lease_lost", job=job.name)
                wait_ms = job.lease_ms
            except Exception as error:  # a detector that fails is tried again; the others go on
                METRICS.count("mxhub_core_job_failures_total", job.name)
                _log.exception("core.detector.failed", job=job.name, error=str(error)[:200])
                wait_ms = min(_RETRY_MS, job.period_ms)
            await asyncio.sleep(min(max(wait_ms / 1000, 0.05), _LONGEST_SLEEP_S))

    async def _claim(self, job: Job, token: str) -> bool:
        now_ms = self.clock()
        async with self.database.begin() as tx:
            first = now_ms + self.rng.randrange(max(min(job.period_ms, _RETRY_MS) // 4, 1))
            new = upsert.insert(tx, detector_states).values(
                tenant=OPERATOR, detector=_DETECTOR, subject=job.name, state="", since_ms=first
            )
            await tx.execute(new.on_conflict_do_nothing())
            free = or_(_row.since_ms <= now_ms, _row.since_ms > job.sane_until(now_ms))
            taken = update(detector_states).where(*_is(job), free)
            done = await tx.execute(taken.values(state=token, since_ms=now_ms + job.lease_ms))
            return done.rowcount == 1

    async def _finish(self, tx: AsyncConnection, job: Job, token: str, due_ms: int) -> None:
        mine = update(detector_states).where(*_is(job), _row.state == token)
        if (await tx.execute(mine.values(state="", since_ms=due_ms))).rowcount != 1:
            raise LeaseLost(job.name)

    async def _give_back(self, job: Job, token: str) -> None:
        due_ms = self.clock() + self._spread(min(_RETRY_MS, job.period_ms))
        async with self.database.begin() as tx:
            mine = update(detector_states).where(*_is(job), _row.state == token)
            await tx.execute(mine.values(state="", since_ms=due_ms))

    async def _due_in(self, job: Job) -> int:
        async with self.database.read() as tx:
            row = (await tx.execute(select(_row.since_ms).where(*_is(job)))).scalar_one_or_none()
        now_ms = self.clock()
        return 0 if row is None or row > job.sane_until(now_ms) else row - now_ms

    def _spread(self, length_ms: int) -> int:
        """A tenth more or less, so that jobs of many processes do not fall together."""
        return round(length_ms * (1 + _JITTER * (2 * self.rng.random() - 1)))


def _is(job: Job) -> tuple[Any, ...]:
    return _row.tenant == OPERATOR, _row.detector == _DETECTOR, _row.subject == job.name
