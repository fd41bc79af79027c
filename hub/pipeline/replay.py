"""Replay and backfill: references from an archive query go to a queue row of their own, `connector@job`.

A row of its own keeps the connector's books true: its recorded = matched, its filtered = 0. References are
pushed in
record order, so a job that was killed goes on after the last one that its row has, without a second copy.

A job that is over leaves its row after a while and stays as a line of history; a connector's backfill is
remembered for as long as the connector is, so that it is made once. Where a job's row is, its name says: a
connector that was renamed took it along.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from secrets import token_hex
from time import monotonic
from typing import TypeVar

from hub.archive.base import Archive
from hub.archive.query import Query
from hub.pipeline.match import Matcher
from hub.pipeline.replay_job import Documents, Job, as_of, base_of, dump, load
from hub.store.base import Book, Log, Stale

__all__ = ["Documents", "Job", "Replays", "base_of"]

_T = TypeVar("_T")
_PREFIX = "replay/"
_ERASING = "erase/"
"""Documents of erasures that run (`hub.pipeline.erasing`)."""
_PUSH = 500
_HIGH_WATER = 5_000
"""References waiting in the row before pushing pauses: a replay must not fill the server's memory."""
SLICE_S = 50.0
GRACE_MS = 10 * 60_000
"""From a job's end to its row's: long enough to look at its books."""
HISTORY = 100
HISTORY_MS = 30 * 86_400_000


def _under(connector: str, job: Job) -> Job:
    return replace(job, connector=connector)


def _over(as_found: Job, now_ms: int, job: Job) -> Job:
    """With its counts, which are final now."""
    return job if job.finished_ms else replace(as_found, finished_ms=now_ms)


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
        try:
            await self._keep(job)
        except Stale as error:
            raise LookupError(f"{connector!r} was just renamed or forgotten") from error
        return job

    async def backfill(self, connector: str, since_ms: int, rules: list[dict[str, list[str | int]]]) -> None:
        """What `from` asks for, once for a connector however often it is asked.

        That is: the events recorded since then that its rules match.
        """
        jobs = await self.list()
        if any(job.rules is not None and job.connector == connector for job in jobs):
            return
        job_id = f"from-{connector}"
        if any(job.id == job_id for job in jobs):  # of one that has another name now
            job_id += f"-{token_hex(4)}"
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
        await self._documents.put(_PREFIX + job.id, dump(job))

    async def get(self, job_id: str) -> Job | None:
        """The job as of now, or `None`."""
        text = await self._documents.get(_PREFIX + job_id)
        return None if text is None else await self._named(as_of(load(text), await self._log.books()))

    async def list(self) -> Sequence[Job]:
        """Every job that was not forgotten, oldest first."""
        texts = [await self._documents.get(name) for name in await self._documents.list(_PREFIX)]
        books = await self._log.books() if texts else []
        jobs = [await self._named(as_of(load(text), books)) for text in texts if text is not None]
        return sorted(jobs, key=lambda job: job.created_ms)

    async def _named(self, job: Job) -> Job:
        """Under the name that its connector has now; where the job has a row, that says it already."""
        if not job.finished_ms:
            return job
        rows = await self._log.rows(now_ms=self._now_ms())
        if any(row.name == job.connector for row in rows):
            return job
        now = next((row.name for row in rows if job.connector in row.former), job.connector)
        return replace(job, connector=now)

    async def cancel(self, job_id: str) -> Job | None:
        """Push no more; what waits in the row ends as dropped (operator)."""
        job = await self.get(job_id)
        if job is None or job.state in {"done", "cancelled"}:
            return job
        await self._change(job_id, lambda stored: replace(stored, state="cancelled"))
        await self._empty(job_id)
        return await self.get(job_id)

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
        while monotonic() < ends_at and (job := await self.get(job_id)) is not None:
            if await self._has_to_wait(job):
                return True
            found = await self._blocking(lambda: [hit.seq for hit in islice(hits, _PUSH)])
            if not found:
                return not await self._finish(job)
            seqs = await self._wanted(job, [seq for seq in found if seq <= job.until_seq])
            try:
                if not await self._push(job, seqs):
                    return False
            except Stale:  # renamed: the next slice finds its row
                return await self._has_row(job_id)
        return True

    async def _has_to_wait(self, job: Job) -> bool:
        """What the query finds may just be going, or its destination is slow: do not hold a job meanwhile."""
        return bool(await self._documents.list(_ERASING)) or await self._waiting(job.row) > _HIGH_WATER

    async def _wanted(self, job: Job, seqs: Sequence[int]) -> Sequence[int]:
        if job.rules is None or not seqs:
            return seqs
        matcher = Matcher({job.connector: job.rules})
        entries = await self._blocking(self._archive.entries, self._log.partition, seqs)
        return [seq for seq in seqs if seq in entries and matcher.match(entries[seq].header)]

    async def _push(self, job: Job, seqs: Sequence[int]) -> bool:
        """False when the job was cancelled, before or meanwhile; then nothing of it stays."""
        if await self._still(job.id):
            await self._log.push(job.row, seqs, now_ms=self._now_ms(), makes=False)
            if await self._still(job.id):
                return True
            await self._empty(job.id)
        return False

    async def _has_row(self, job_id: str) -> bool:
        """A job whose connector was forgotten has none, and is over."""
        if any(book.connector.endswith(f"@{job_id}") for book in await self._log.books()):
            return True
        await self._change(job_id, lambda stored: replace(stored, state="cancelled"))
        return False

    async def _finish(self, job: Job) -> bool:
        """False while the archive is still behind what was recorded when the job was made."""
        if await self._blocking(self._archive.offset, self._log.partition) < job.until_seq:
            return False
        await self._change(
            job.id, lambda stored: replace(stored, state="sending") if stored.state == "running" else stored
        )
        return True

    # -- upkeep ----------------------------------------------------------------------------------------------
    async def renamed(self) -> None:
        """Write down which name the connector behind each job has now; may be repeated."""
        for job in await self.list():
            await self._change(job.id, partial(_under, job.connector))

    async def forgotten(self, connector: str) -> None:
        """The connector's rows are gone: so are its jobs, and a connector of that name begins anew."""
        for job in await self.list():
            if job.connector == connector:
                await self._documents.delete(_PREFIX + job.id)

    async def erase(self, tenant: str) -> int:
        """Forget finished jobs that were about one tenant alone: their query may name its people."""
        jobs = [job for job in await self.list() if job.finished_ms and job.query.tenant == (tenant,)]
        for job in jobs:
            await self._documents.delete(_PREFIX + job.id)
        return len(jobs)

    async def tidy(self) -> None:
        """End jobs that are over: their counts become final, after a while their row goes, then they do."""
        now, jobs = self._now_ms(), await self.list()
        books = {book.connector: book for book in await self._log.books()}
        for job in jobs:
            book = books.get(job.row)
            if not job.finished_ms and job.state in {"done", "cancelled"} and not (book and book.parked):
                await self._change(job.id, partial(_over, job, now))
            elif job.finished_ms and book and now - job.finished_ms >= GRACE_MS:
                await self._end_row(book)
        await self._shorten(jobs, books.keys(), now)

    async def _end_row(self, book: Book) -> None:
        if not (book.parked or book.pending):  # an operator may have put one back
            await self._log.forget(book.connector)

    async def _shorten(self, jobs: Sequence[Job], rows: Collection[str], now: int) -> None:
        """History: the last hundred, a month; a backfill stays as long as its connector."""
        over = [job for job in jobs if job.finished_ms and job.row not in rows]
        newest = {job.id for job in sorted(over, key=lambda job: job.finished_ms)[-HISTORY:]}
        for job in over:
            remembered = job.rules is not None and job.connector in rows
            if not remembered and (job.id not in newest or now - job.finished_ms > HISTORY_MS):
                await self._documents.delete(_PREFIX + job.id)

    async def _change(self, job_id: str, change: Callable[[Job], Job]) -> None:
        """Each change is made to what is there: another process may be changing it too."""
        while (text := await self._documents.get(_PREFIX + job_id)) is not None:
            stored = load(text)
            changed = change(stored)
            if changed == stored or await self._documents.swap(_PREFIX + job_id, text, dump(changed)):
                return

    async def _empty(self, job_id: str) -> None:
        """Until nothing is left, under whatever name its row has by then."""
        looked = ""
        while (job := await self.get(job_id)) is not None:
            if not await self._log.expire(job.row, 2**53, "operator") and job.row == looked:
                return
            looked = job.row

    async def _still(self, job_id: str) -> bool:
        text = await self._documents.get(_PREFIX + job_id)
        return text is not None and load(text).state == "running"

    async def _waiting(self, row: str) -> int:
        return sum(r.queued for r in await self._log.rows(now_ms=self._now_ms(), name=row))

    async def _blocking(self, call: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
