"""The faults. Each is `async def (run) -> count`: it hurts, undoes itself, and says how often it really
fired.
"""

import asyncio
import os
import resource
import signal
from contextlib import suppress

from redis.exceptions import RedisError

from hub.store.base import StoreError

__all__ = ["FAULTS"]

FAULTS = {}
"""Name -> (layouts it can happen in, the fault)."""


def fault(*layouts):
    def add(function):
        FAULTS[function.__name__.replace("_", "-")] = (layouts or ("run", "split"), function)
        return function

    return add


@fault("run")
async def kill_hub(run):
    """SIGKILL of the one process; its server is an orphan at the next start."""
    await run.stage.kill("run", again_after_s=run.rng.uniform(0, 0.3))
    return 1


@fault("split")
async def kill_serve(run):
    await run.stage.kill("serve", again_after_s=run.rng.uniform(0, 0.3))
    return 1


@fault("split")
async def kill_worker(run):
    """Both workers, one after the other, so that whoever held the leases was hit."""
    for name in ("worker-1", "worker-2"):
        await run.stage.kill(name, again_after_s=run.rng.uniform(0, 0.2))
        await asyncio.sleep(run.rng.uniform(0, 0.2))
    return 2


@fault()
async def kill_server(run):
    await run.stage.kill_server()
    return 1


@fault("split")
async def stop_sender_past_its_lease(run):
    """SIGSTOP of a worker while batches are in flight, until its leases ran out and the other took over."""
    sink = run.stage.sinks["everything"]
    sink.mode = "slow"
    ends = asyncio.get_running_loop().time() + 2.0
    while not sink.waiting and asyncio.get_running_loop().time() < ends:
        await asyncio.sleep(0.01)
    process = run.stage.processes[run.rng.choice(["worker-1", "worker-2"])]
    os.kill(process.pid, signal.SIGSTOP)
    await asyncio.sleep(3.4)
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGCONT)
    await asyncio.sleep(0.3)
    sink.mode = "ok"
    return 1


SCRIPTS = ("record", "route", "peek", "settle", "trim", "due")
"""Called all the time under load."""
SELDOM = ("retried", "block", "unblock", "books", "acquire")
"""Called when something is wrong, or once a second."""


@fault("split")
async def lost_reply(run):
    """The reply of each script in turn; those that nothing calls just now do not count."""
    proxy = run.stage.proxy
    before = proxy.swallowed.copy()
    for script in run.rng.sample(SCRIPTS + SELDOM, len(SCRIPTS + SELDOM)):
        proxy.swallow(script, run.rng.randint(1, 2))
        await asyncio.sleep(run.rng.uniform(0.02, 0.1))
    ends = asyncio.get_running_loop().time() + 1.5
    while (
        not all((proxy.swallowed - before)[s] for s in SCRIPTS) and asyncio.get_running_loop().time() < ends
    ):
        await asyncio.sleep(0.02)
    lost = proxy.swallowed - before
    for script, n in lost.items():
        run.fired[f"lost-reply:{script}"] += n
    return lost.total()


@fault()
async def forced_trim(run):
    """Somebody asks to trim everything; the log must refuse to go beyond the archive and the router."""
    count = 0
    for _ in range(10):
        with suppress(StoreError, OSError):
            log = await run.stage.log()
            before = (await log.head()).routed
            trim = await log.trim(min(before, run.archived()))
            if trim > (await log.head()).routed:
                run.unbalanced.append(f"trimmed to {trim}, beyond the router")
            count += 1
        await asyncio.sleep(0.05)
    return count


@fault()
async def hostile_times(run):
    run.producer.hostile_times = True
    before = len(run.producer.acked)
    await asyncio.sleep(0.5)
    return len(run.producer.acked) - before


@fault()
async def send_again(run):
    """The vendor re-sends what was acknowledged long ago and just now, past dedupe rotations."""
    return await run.producer.again(run.rng, 40)


@fault("run")
async def torn_tail(run):
    """The server dies in the middle of writing a command that nobody was told about."""
    return await _damage(run, b"*3\r\n$3\r\nSET\r\n$5\r\nnever\r\n$9\r\nackno")


@fault("run")
async def zero_tail(run):
    """A power cut leaves blocks that were allocated and never written."""
    return await _damage(run, b"\0" * 4096)


async def _damage(run, tail):
    stage = run.stage
    stage.processes["run"].kill()
    await asyncio.to_thread(stage.processes["run"].join)
    with suppress(Exception):
        await stage.kill_server()
    await asyncio.sleep(0.1)
    files = sorted(stage.data.glob("valkey/**/*.incr.aof"), key=lambda path: path.stat().st_mtime)
    if files:
        with files[-1].open("ab") as file:
            file.write(tail)
    stage.spawn("run")
    return len(files[-1:])


@fault()
async def full_disk(run):
    """The server may not write another byte: the path that a full disk takes."""
    with suppress(OSError, StoreError):
        pid = await run.stage.server_pid()
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
        await asyncio.sleep(run.rng.uniform(0.3, 0.7))
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        return 1
    return 0


@fault()
async def memory_limit(run):
    """The server refuses what needs memory; everything that drains must go on."""
    with suppress(OSError, StoreError, RedisError):
        redis = await run.stage.redis()
        before = (await redis.config_get("maxmemory"))["maxmemory"]
        await redis.config_set("maxmemory", "1mb")
        await asyncio.sleep(run.rng.uniform(0.3, 0.7))
        await (await run.stage.redis()).config_set("maxmemory", before)
        return 1
    return 0


def _outage(mode, seconds):
    async def outage(run):
        sink = run.stage.sinks[run.rng.choice(["everything", "everything", "released", "example"])]
        before = sink.fired[mode]
        sink.mode = mode
        await asyncio.sleep(run.rng.uniform(*seconds))
        ends = asyncio.get_running_loop().time() + 1.5
        while sink.fired[mode] == before and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.02)
        sink.mode = "ok"
        return sink.fired[mode] - before

    outage.__name__ = f"destination_{mode.replace('-', '_')}"
    return fault()(outage)


for _mode in ("503", "429", "401", "partial", "lost-reply", "hang"):
    _outage(_mode, (0.3, 1.0) if _mode != "hang" else (1.2, 1.6))


@fault()
async def poison(run):
    """Events that one destination refuses for ever: parked there, delivered elsewhere."""
    uids = await run.producer.poisoned(run.rng.randint(1, 3), run.stage.sinks["everything"].poison.add)
    return len(uids)
