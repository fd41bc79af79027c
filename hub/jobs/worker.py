"""What is scheduled or long runs as arq jobs; single events never do (a job costs 1.4 ms of CPU, a log
entry 5-10 us).

Jobs are thin: each calls one method of the desk it is given. A job that was killed runs again; everything
behind it may be
repeated (cursors move by compare-and-set, replays go on after their last reference).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.cron import cron
from arq.worker import Worker, func

from hub.pipeline.ending import end

__all__ = ["Desk", "Jobs", "redis_settings"]

_QUEUE = "mxhub:jobs"
_SLICE_TIMEOUT_S = 120
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
        """Retention in the archive and at the destinations."""
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
        """Connect and run until `stop`."""
        pool = await create_pool(
            self._settings,
            default_queue_name=_QUEUE,
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
        )
        every_second = set(range(0, 60, _TICK_S))
        self._worker = Worker(
            functions=[
                func(f, name=f.__name__, keep_result=0, timeout=_SLICE_TIMEOUT_S) for f in (walk, replay)
            ],
            cron_jobs=[
                cron(tick, second=every_second, keep_result=0, run_at_startup=True),
                cron(watch, second={7, 37}, keep_result=0, run_at_startup=True),
                cron(maintain, minute={3, 18, 33, 48}, second=11, keep_result=0, timeout=600),
            ],
            queue_name=_QUEUE,
            redis_pool=pool,
            ctx={"desk": self._desk},
            handle_signals=False,
            max_jobs=20,
            keep_result=0,
            poll_delay=0.5,
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
            health_check_interval=3600,
            log_results=False,
        )
        self._task = asyncio.create_task(self._worker.async_run(), name="arq")

    async def stop(self) -> None:
        """Cancel what runs (it is repeated at the next start) and disconnect."""
        if self._worker is None or self._task is None:
            return
        await end(self._task)
        await self._worker.close()
