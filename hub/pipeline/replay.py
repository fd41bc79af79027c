"""Replay and backfill: references from an archive query go to a queue row of their own, `connector@job`.

A row of its own keeps the connector's books true: its recorded = matched, its filtered = 0. References are
pushed in
record order, so a job that was killed goes on after the last one that its row has, without a second copy.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from secrets import token_hex
from time import monotonic
from typing import Literal, Protocol, TypeVar

import msgspec

from hub.archive.base import Archive
from hub.archive.query import Query
from hub.pipeline.match import Matcher
from hub.store.base import Log

__all__ = ["Documents", "Job", "Replays", "base_of"]

_T = TypeVar("_T")
_PREFIX = "replay/"
_PUSH = 500
_HIGH_WATER = 5_000
"""References waiting in the row before pushing pauses: a replay must not fill the server's memory."""
SLICE_S = 50.0


class Documents(Protocol):
    """Small JSON documents that survive a restart (`hub.store.state`)."""

    async def put(self, name: str, text: str, ttl_ms: int | None = None) -> None: ...

    async def get(self, name: str) -> str | None: ...

    async def delete(self, name: str) -> None: ...

    async def list(self, prefix: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A replay as its row and its document tell it."""

    id: str
    connector: str
    query: Query
    created_ms: int
    matched: int
    """Events that the query had when the job was made; with `rules`, before they were applied."""
    until_seq: int
    """Last event recorded when it was made: what comes later is not part of it."""
    rules: list[dict[str, list[str | int]]] | None = None
    """The connector's own rules, for a backfill; an operator's replay sends whatever the query finds."""
    pushed: int = 0
    state: Literal["running", "sending", "done", "cancelled", "dry-run"] = "running"
    delivered: int = 0
    parked: int = 0

    @property
    def row(self) -> str:
        return f"{self.connector}@{self.id}"


def base_of(row: str) -> str:
    """The connector behind a row's name."""
    return row.partition("@")[0]


def _dump(job: Job) -> str:
    return msgspec.json.encode(job).decode()


def _load(text: str) -> Job:
    return msgspec.json.decode(text, type=Job)


class Replays:
    """Makes, runs and tells of replay jobs."""

    def __init__(
        self, log: Log, archive: Archive, documents: Documents, *, now_ms: Callable[[], int]
    ) -> None:
        self._log = log
        self._archive = archive
        self._documents = documents
        self._now_ms = now_ms
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="replay")

    async def start(self, connector: str, query: Query, *, dry_run: bool = False) -> Job:
        """Make a job. It is frozen at what is archived now: events recorded later are not part of it.

        Raises `LookupError` when there is no such connector.
        """
        if connector not in {row.name for row in await self._log.rows(now_ms=self._now_ms())}:
            raise LookupError(f"no connector {connector!r} has a queue here")
        job = await self._make(token_hex(4), connector, query)
        if dry_run:
            return replace(job, state="dry-run")
        await self._keep(job)
        return job

    async def backfill(self, connector: str, since_ms: int, rules: list[dict[str, list[str | int]]]) -> None:
        """What `from` asks for, once for a connector however often it is asked.

        That is: the events recorded since then that its rules match.
        """
        job_id = f"from-{connector}"
        if await self._documents.get(_PREFIX + job_id) is None:
            job = await self._make(job_id, connector, Query(recorded_since_ms=since_ms))
            await self._keep(replace(job, rules=rules))

    async def _make(self, job_id: str, connector: str, query: Query) -> Job:
        now = self._now_ms()
        until_ms = min(query.recorded_until_ms or now + 1, now + 1)
        query = replace(query, recorded_until_ms=until_ms, cursor=None)
        matched = await self._blocking(self._archive.count, query)
        until_seq = (await self._log.head()).seq
        return Job(
            id=job_id,
            connector=connector,
            query=query,
            created_ms=now,
            matched=matched,
            until_seq=until_seq,
        )

    async def _keep(self, job: Job) -> None:
        await self._log.push(job.row, [], now_ms=self._now_ms())
        await self._documents.put(_PREFIX + job.id, _dump(job))

    async def get(self, job_id: str) -> Job | None:
        """The job as of now, or `None`."""
        text = await self._documents.get(_PREFIX + job_id)
        return None if text is None else await self._now(_load(text))

    async def list(self) -> Sequence[Job]:
        """Every job that was not forgotten, oldest first."""
        names = await self._documents.list(_PREFIX)
        jobs = [await self.get(name.removeprefix(_PREFIX)) for name in names]
        return sorted((job for job in jobs if job is not None), key=lambda job: job.created_ms)

    async def cancel(self, job_id: str) -> Job | None:
        """Push no more; what waits in the row ends as dropped (operator)."""
        job = await self.get(job_id)
        if job is None or job.state in {"done", "cancelled"}:
            return job
        job = replace(job, state="cancelled")
        await self._documents.put(_PREFIX + job_id, _dump(job))
        await self._empty(job)
        return await self._now(job)

    async def _now(self, job: Job) -> Job:
        """With the row's counts; a pushed job is done when its row owes nothing."""
        book = next((b for b in await self._log.books() if b.connector == job.row), None)
        if book is None:
            return job
        state = "done" if job.state == "sending" and not book.pending else job.state
        return replace(job, pushed=book.matched, delivered=book.delivered, parked=book.parked, state=state)

    async def running(self) -> Sequence[str]:
        """Ids of the jobs that still have something to push."""
        return [job.id for job in await self.list() if job.state == "running"]

    async def advance(self, job_id: str) -> bool:
        """Push for one slice; True when there is more to push.

        Nobody else may run the same job meanwhile (the caller sees to it).
        """
        job = await self.get(job_id)
        if job is None or job.state != "running":
            return False
        last = max(await self._log.last_pushed(job.row), job.query.after_seq or 0)
        hits = self._archive.iterate(replace(job.query, after_seq=last))
        ends_at = monotonic() + SLICE_S
        while monotonic() < ends_at:
            if await self._waiting(job.row) > _HIGH_WATER:
                return True  # its destination is slow or blocked: do not hold a job meanwhile
            found = await self._blocking(lambda: [hit.seq for hit in islice(hits, _PUSH)])
            if not found:
                return not await self._finish(job)
            seqs = await self._wanted(job, [seq for seq in found if seq <= job.until_seq])
            if not await self._push(job, seqs):
                return False
        return True

    async def _wanted(self, job: Job, seqs: Sequence[int]) -> Sequence[int]:
        if job.rules is None or not seqs:
            return seqs
        matcher = Matcher({job.connector: job.rules})
        entries = await self._blocking(self._archive.entries, self._log.partition, seqs)
        return [seq for seq in seqs if seq in entries and matcher.match(entries[seq].header)]

    async def _push(self, job: Job, seqs: Sequence[int]) -> bool:
        """False when the job was cancelled, before or meanwhile; then nothing of it stays."""
        if await self._still(job.id):
            await self._log.push(job.row, seqs, now_ms=self._now_ms())
            if await self._still(job.id):
                return True
            await self._empty(job)
        return False

    async def _finish(self, job: Job) -> bool:
        """False while the archive is still behind what was recorded when the job was made."""
        if await self._blocking(self._archive.offset, self._log.partition) < job.until_seq:
            return False
        if await self._still(job.id):
            await self._documents.put(_PREFIX + job.id, _dump(replace(job, state="sending")))
        return True

    async def _empty(self, job: Job) -> None:
        while await self._log.expire(job.row, 2**53, "operator"):
            pass

    async def _still(self, job_id: str) -> bool:
        text = await self._documents.get(_PREFIX + job_id)
        return text is not None and _load(text).state == "running"

    async def _waiting(self, row: str) -> int:
        return sum(r.queued for r in await self._log.rows(now_ms=self._now_ms(), name=row))

    async def _blocking(self, call: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
