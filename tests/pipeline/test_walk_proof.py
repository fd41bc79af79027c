"""The walk proof: the poller dies after every single HTTP response, and the archive holds the server's set.

A real MailGuard (the sandbox) over real HTTP, a real log, a real archive. Each life of the poller gets one
response and is then killed: before anything of it was recorded, after its first chunk, or after all of it.
Meanwhile entries come late, twice and out of order.
"""

import time

import orjson
import pytest
from sqlalchemy import select

from core.sandbox.faults import Faults
from core.store import quarantine
from core.store.tables import audit_entries
from hub.app.call import Caller
from hub.app.sources import polls
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.config.load import load_text
from hub.pipeline.keep import Keeper
from hub.pipeline.payloads import Payloads
from hub.pipeline.poll import Poller
from hub.registry import Registry
from hub.store.log import RedisLog
from tests.factories.core import held, note, quiet_sandbox

ENTRIES = 1700
"""Four pages of 500, each recorded in three chunks of at most 200."""


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


class DyingLog(RedisLog):
    """Lets a number of record steps through, then the process is dead."""

    steps = 10**9

    async def record(self, events, move=None, *, now_ms):
        if self.steps == 0:
            raise Killed
        self.steps -= 1
        return await super().record(events, move, now_ms=now_ms)


class Quiet:
    """An observer that nobody listens to."""

    def page(self, poll, items, fresh):
        pass

    def gap(self, poll, reason):
        return None


def now_ms():
    return time.time_ns() // 1_000_000


def one_response(call):
    """A call that kills the process at its second request."""
    spent = False

    async def dying(*args, **options):
        nonlocal spent
        if spent:
            raise Killed
        spent = True
        return await call(*args, **options)

    return dying


async def write_audit(tx, chain, first, count, *, spread_ms=50):
    """Entries of the last hour, half of them on one millisecond with their neighbour (ties)."""
    begin = now_ms() - 3_600_000
    for n in range(first, first + count):
        at_ms = begin + (n // 2) * spread_ms
        await note(tx, at_ms, chain=chain, action="domain.update", resource=f"domain/{n}")


async def entries(tx):
    """Ids of the audit log, as its API gives them."""
    entry = audit_entries.c
    return list((await tx.execute(select(entry.id).order_by(entry.at_ms, entry.seq))).scalars())


async def write_held(tx, count):
    """Held messages of the last seconds, one every two milliseconds."""
    begin = now_ms() - 2 * count
    for n in range(1, count + 1):
        await quarantine.add(tx, held(n, arrived_ms=begin + 2 * n), b"bytes")


async def lives(log, poll, call, disturb):
    """Live until the walk is done, one response a life; returns how many lives it took."""
    for life in range(1000):
        await disturb(life)
        dying = DyingLog(log._redis)
        dying.steps = (0, 1, 10**9)[life % 3]
        try:
            walked = await Poller(dying, Quiet(), now_ms=now_ms).walk(poll, one_response(call))
        except Killed:
            continue
        assert walked.end == "done", walked
        return life + 1
    pytest.fail("the walk never ended")


def writer_of(folder):
    async def open_writer():
        return SqliteArchive(folder)

    return open_writer


async def archived(log, folder):
    """The audit entries in the archive, by the vendor's id."""
    keeper = Keeper(log, Payloads(log, None), writer_of(folder), stalled=lambda why: None)
    log_head = await log.head()
    while keeper.offset < log_head.seq:
        await keeper.turn()
    reader = SqliteArchive(folder, read_only=True)
    found = [orjson.loads(hit.body)["metadata"]["original_event_uid"] for hit in reader.iterate(Query())]
    reader.close()
    keeper.close()
    return found


@pytest.mark.parametrize("kind", ["audit", "quarantine"])
@pytest.mark.slow
async def test_a_walk_killed_after_every_response_archives_the_servers_set_once(
    kind, redis, log, state, tmp_path
):
    passed = [0.0]
    faults = Faults(monotonic=lambda: passed[0])
    async with quiet_sandbox(tmp_path / "sandbox", redis, faults=faults) as sandbox:
        settings = load_text(f"""
sources:
  mg: {{vendor: mailguard, url: "{sandbox.url}/api/v1", api_key: "{sandbox.keys["api-key"]}",
       allow_networks: [127.0.0.0/8], budget: {{per_minute: 60000, burst: 1000}}}}
""")
        caller = Caller(lambda: settings, state, now_ms=now_ms)
        todo = polls(settings, Registry())
        if kind == "audit":
            async with sandbox.core.database.begin() as tx:
                await write_audit(tx, sandbox.core.chain, 0, ENTRIES)
        else:
            async with sandbox.core.database.begin() as tx:
                await write_held(tx, 1500)

        async def disturb(life):
            always = {True: "always", False: 0}
            sandbox.faults.set({"duplicate": always[life % 2 == 1], "reorder": always[life % 4 == 2]})
            if kind == "quarantine" and life < 12:
                await sandbox.life.deliver(count=6)
            if life == 1 and kind == "audit":  # a node that was away: its entries were hidden so far
                faults.set({"late": "3%", "late_s": 1000})
            if life == 8:
                faults.set({"late": 0})
                passed[0] = 1001.0

        took = await lives(log, todo[f"mg/{kind}"], caller.of(todo[f"mg/{kind}"]), disturb)
        sandbox.faults.clear()
        back = todo.get(f"mg/{kind}/lookback")
        if back is not None:
            await lives(log, back, caller.of(back), lambda life: _nothing())
        await lives(log, todo[f"mg/{kind}"], caller.of(todo[f"mg/{kind}"]), lambda life: _nothing())
        theirs = await _theirs(sandbox, kind, caller.of(todo[f"mg/{kind}"]))
        await caller.close()

    ours = await archived(log, tmp_path / "archive")

    assert took >= 6
    assert (faults.fired["late"] > 10) == (kind == "audit")
    assert len(theirs) > 400
    assert len(ours) == len(set(ours))
    assert set(ours) == theirs


async def _nothing():
    pass


async def _theirs(sandbox, kind, call):
    """The server's set by its own account."""
    async with sandbox.core.database.read() as tx:
        if kind == "audit":
            return set(await entries(tx))
        items = await quarantine.page(tx, quarantine.Filter(), limit=100_000, offset=0)
    return {f"{item.node_id}/{item.queue_id}" for item in items}
