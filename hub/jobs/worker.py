"""What is scheduled or long runs as arq jobs; single events never do (a job costs 1.4 ms of CPU, a log
entry 5-10 us).

Jobs are thin: each calls one method of the desk it is given. A job that was killed runs again; everything
behind it may be
repeated (cursors move by compare-and-set, replays go on after their last reference).
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.cron import cron
from arq.worker import Worker, func

from hub.sdk.ending import end
from hub.telemetry import happenings

__all__ = ["Desk", "Jobs", "redis_settings"]

_QUEUE = "mxhub:jobs"
_SLICE_TIMEOUT_S = 115
"""A slice (60 s) and its last page (45 s). A killed job is taken up again that much later."""
_MAX_JOBS = 50
_PAUSE_S = 1.0
_TICK_S = 1
_Ctx = Mapping[str, Any]


class Desk(Protocol):
    """What the jobs ask of the pipeline."""

    async def due_walks(self) -> Sequence[str]:
        """Claim the poll streams that are due."""
        ...

    async def walk(self, key: str) -> None:
        """One slice of a walk."""
        ...

    async def due_replays(self) -> Sequence[str]:
        """Replays with something left to push."""
        ...

    async def replay(self, job_id: str) -> None:
        """One slice of a replay."""
        ...

    async def watch(self) -> None:
        """Raise and clear alarms."""
        ...

    async def maintain(self) -> None:
        """Retention at the destinations."""
        ...


async def tick(ctx: _Ctx) -> None:
    """Hand out what is due; a job's id keeps a second one of the same work away."""
    desk: Desk = ctx["desk"]
    redis: ArqRedis = ctx["redis"]
    for key in await desk.due_walks():
        await redis.enqueue_job("walk", key, _job_id=f"walk:{key}", _queue_name=_QUEUE)
    for job_id in await desk.due_replays():
        await redis.enqueue_job("replay", job_id, _job_id=f"replay:{job_id}", _queue_name=_QUEUE)


async def walk(ctx: _Ctx, key: str) -> None:
    await ctx["desk"].walk(key)


async def replay(ctx: _Ctx, job_id: str) -> None:
    await ctx["desk"].replay(job_id)


async def watch(ctx: _Ctx) -> None:
    await ctx["desk"].watch()


async def maintain(ctx: _Ctx) -> None:
    await ctx["desk"].maintain()


def redis_settings(url: str) -> RedisSettings:
    """Arq's settings for `redis://`, `rediss://` or `unix://` URLs."""
    return RedisSettings.from_dsn(url)


class Jobs:
    """The arq worker of this process."""

    def __init__(self, desk: Desk, redis: RedisSettings) -> None:
        self._desk = desk
        self._settings = redis
        self._worker: Worker | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run until `stop`; a server that goes away ends arq, which is then begun anew.

        Raises `OSError` or a redis error when the server cannot be reached now.
        """
        self._worker = await self._make()
        self._task = asyncio.create_task(self._run_for_ever(), name="arq")

    async def _make(self) -> Worker:
        pool = await create_pool(
            self._settings,
            default_queue_name=_QUEUE,
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
        )
        return Worker(
            functions=[
                func(f, name=f.__name__, keep_result=0, timeout=_SLICE_TIMEOUT_S) for f in (walk, replay)
            ],
            cron_jobs=[
                cron(tick, second=set(range(0, 60, _TICK_S)), keep_result=0, run_at_startup=True),
                cron(watch, second={7, 37}, keep_result=0, run_at_startup=True),
                cron(maintain, minute=set(range(3, 60, 15)), second=11, keep_result=0),
            ],
            queue_name=_QUEUE,
            redis_pool=pool,
            ctx={"desk": self._desk},
            handle_signals=False,
            max_jobs=_MAX_JOBS,
            job_timeout=_SLICE_TIMEOUT_S,
            keep_result=0,
            poll_delay=0.5,
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
            health_check_interval=3600,
            log_results=False,
        )

    async def _run_for_ever(self) -> None:
        while True:
            try:
                if self._worker is None:
                    self._worker = await self._make()
                await self._worker.async_run()
            except Exception as error:  # whatever ends arq: polls, replays and alarms must go on
                happenings.stage_interrupted("jobs", f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(_PAUSE_S)
            await self._close()

    async def _close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        await end(*worker.tasks.values())
        worker.tasks.clear()  # arq gathers them, and a cancelled one would cancel us
        pool = worker.pool
        with suppress(Exception):  # its server is gone
            await worker.close()
        with suppress(Exception):  # arq has not got as far then
            await pool.aclose(close_connection_pool=True)

    async def stop(self) -> None:
        """Cancel what runs (it is repeated at the next start) and disconnect."""
        await end(self._task)
        await self._close()
