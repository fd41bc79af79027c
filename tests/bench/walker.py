"""One walk of an audit log in a process of its own, with the hub's own poller, caller and log."""

import asyncio
import multiprocessing
import os
from dataclasses import dataclass
from time import monotonic, process_time, time_ns

from tests.bench import proc

__all__ = ["Walk", "Walker"]

_CONTEXT = multiprocessing.get_context("spawn")
_CONFIG = """
redis_url: "{redis}"
sources:
  mg:
    vendor: mailguard
    url: "{api}"
    api_key: nmg_bench
    allow_networks: [127.0.0.0/8]
    budget: {{per_minute: 1000000, burst: 100000}}
    polls: {{quarantine: {{enabled: false}}}}
connectors: {{}}
"""


@dataclass(frozen=True, slots=True)
class Walk:
    events: int
    fresh: int
    pages: int
    elapsed_s: float
    cpu_s: float
    rss_before_mb: float
    """After the first tenth: everything is imported and open."""
    rss_after_mb: float


@dataclass(frozen=True, slots=True)
class Walker:
    """`Walker(redis_url, api_url, count).run()` blocks until the walk's end."""

    redis: str
    api: str
    count: int

    def run(self) -> Walk:
        """Raises `RuntimeError` when the walk does not reach the end."""
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_main, args=(theirs, self), daemon=True)
        process.start()
        theirs.close()
        try:
            if not ours.poll(300):
                raise RuntimeError("the walk did not end within 300 s")
            answer = ours.recv()
        finally:
            process.kill()
            process.join()
        if not isinstance(answer, Walk):
            raise RuntimeError(str(answer))  # noqa: TRY004 - it is what the child said
        return answer


def _main(pipe, walker):
    import uvloop

    try:
        pipe.send(uvloop.run(_walk(walker)))
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")


async def _walk(walker: Walker) -> Walk:
    from hub.app.call import Caller
    from hub.app.observe import OWN_SOURCE, Observers
    from hub.app.sources import polls
    from hub.config.load import load_text
    from hub.pipeline.poll import Poller
    from hub.registry import Registry
    from hub.store.client import Client
    from hub.store.log import Limits, RedisLog
    from hub.store.state import State
    from hub.telemetry.logs import setup

    setup(level="warning")
    registry = Registry()
    settings = load_text(_CONFIG.format(redis=walker.redis, api=walker.api), registry=registry)
    redis = Client.from_url(walker.redis, decode_responses=False)
    log, state = RedisLog(redis, limits=Limits(max_entries=10_000_000, max_bytes=8 << 30)), State(redis)
    await log.open()
    caller = Caller(lambda: settings, state, now_ms=_now_ms)
    async with Observers(state, registry.source(OWN_SOURCE), now_ms=_now_ms) as observers:
        poll = polls(settings, registry)["mg/audit"]
        poller, call = Poller(log, observers, now_ms=_now_ms), caller.of(poll)
        watch = asyncio.create_task(_rss_at(log, walker.count // 10))
        began, used = monotonic(), process_time()
        events = fresh = pages = 0
        while True:
            walked = await poller.walk(poll, call)
            events, fresh, pages = events + walked.events, fresh + walked.fresh, pages + walked.pages
            if walked.end != "more":
                break
        elapsed, cpu = monotonic() - began, process_time() - used
        before, after = await watch, proc.rss_mb([os.getpid()])
    await caller.close()
    await redis.aclose()
    if walked.end != "done":
        raise RuntimeError(f"the walk ended {walked.end}: {walked.reason}")
    return Walk(events, fresh, pages, elapsed, cpu, before, after)


async def _rss_at(log, seq):
    while (await log.head()).seq < seq:
        await asyncio.sleep(0.02)
    return proc.rss_mb([os.getpid()])


def _now_ms() -> int:
    return time_ns() // 1_000_000
