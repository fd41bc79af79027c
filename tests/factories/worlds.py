"""A small hub's state with something of everything in it, what it says of itself, and the shape it is in."""

import hashlib
import re
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import orjson
from redis.asyncio import Redis
from sqlalchemy import MetaData
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from core.store.migrations import REVISIONS as CORE_REVISIONS
from core.store.tables import metadata as core_tables
from hub.app.backup.manifest import FORMAT, Extras, Versions
from hub.app.backup.take import Backups
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.config.load import load_text
from hub.config.model import Settings
from hub.model.event import Event, Header
from hub.model.ids import uid_text
from hub.pipeline.keep import Keeper
from hub.pipeline.payloads import Payloads
from hub.pipeline.replay import Replays
from hub.pipeline.route import Router
from hub.store.base import CursorMove, Fate, Tally
from hub.store.embedded import EmbeddedServer
from hub.store.embedded.state import State as DirectoryState
from hub.store.log import Limits, RedisLog
from hub.store.state import State
from tests.factories.events import make_entry

__all__ = ["NOW", "World", "fill", "make_event", "open_world", "shape", "summary", "take_backup"]

NOW = 1_760_000_000_000
ROUTES = {"everything": [{}], "alerts": [{"code": ["quarantine.*"]}], "siem": [{"severity": [3]}]}


@dataclass(frozen=True, slots=True)
class World:
    """What is open of one data directory."""

    data: Path
    redis: Redis
    url: str
    log: RedisLog
    state: State
    archive: SqliteArchive


@asynccontextmanager
async def open_world(data: Path) -> AsyncIterator[World]:
    """Server, log, state and archive of a data directory, as a hub opens them."""
    async with EmbeddedServer(data, tell=lambda status: None) as server:
        redis = Redis(unix_socket_path=str(server.unix_socket))
        log = RedisLog(redis, limits=Limits(dedupe_ids=29))
        await log.open()
        with closing(SqliteArchive(data / "archive", roll_events=20)) as archive:
            yield World(data, redis, f"unix://{server.unix_socket}", log, State(redis), archive)
        await redis.aclose()


def make_event(n: int) -> Event:
    """Number `n`, always the same."""
    entry = make_entry(n, tenant="acme", source="guard", recorded_ms=NOW + n)
    return Event(entry.uid, entry.header, entry.body)


async def fill(world: World) -> None:
    """Two route tables, 60 events, some trimmed, one repeated beyond the dedupe window; every fate in every
    place; a replay under way; polls, counters, buckets, documents, a closed tenant.
    """
    log, state = world.log, world.state
    await log.publish(orjson.dumps(ROUTES).decode(), sorted(ROUTES), now_ms=NOW)
    await _record(log, range(1, 31), CursorMove("guard/audit", None, "c1"))
    await _route(log)
    await log.publish(orjson.dumps({**ROUTES, "late": [{}]}).decode(), [*sorted(ROUTES), "late"], now_ms=NOW)
    await world.redis.srem(log.keys.seen[0], make_event(5).uid)  # as if its time had passed
    await _record(log, [*range(31, 60), 5], CursorMove("guard/audit", "c1", "c2"))
    await _route(log)
    world.archive.append(0, await log.read(0, 25))
    world.archive.append(0, await log.read(25, 25))
    await log.trim(40)
    await _settle(log, "everything")
    await _settle(log, "alerts")
    await log.block("siem", "connection refused", NOW + 60_000, now_ms=NOW + 5)
    await log.pause("late", now_ms=NOW)
    await _replay(world)
    touched = {"accepted": 60, "duplicate": 2, "last_event_ms": NOW, "state": "ok"}
    await state.touch_sources({"guard": touched})
    await state.count({"captured": 3})
    await state.schedule("guard/audit", NOW + 900_000)
    await state.take("guard", 5.0, 10.0, 3, NOW)
    await state.put("note", '{"kept":true}')
    await state.close_tenant("former")
    await state.stand("hub.log_filling log", NOW)


async def _record(log: RedisLog, numbers: Any, move: CursorMove) -> None:
    await log.record([make_event(n) for n in numbers], move, now_ms=NOW)


async def _route(log: RedisLog) -> None:
    router = Router(log, Payloads(log, None), wake=lambda names: None)
    while await router.turn():
        pass


async def _settle(log: RedisLog, name: str) -> None:
    """From the head: delivered, retry, parked, dropped and counted, a third of each queue in all."""
    peeked = await log.peek(name, 12, now_ms=NOW)
    cycle = (
        Fate("delivered"),
        Fate("retry", "503 from there", 60_000),
        Fate("parked", "mapping refused"),
        Fate("dropped", "stale"),
    )
    fates = [cycle[at % 4] for at in range(len(peeked.refs))]
    uids = [uid_text(make_event(ref).uid) for ref in peeked.refs]
    tally = Tally(
        key="stale", n=fates.count(cycle[3]), due_ms=NOW, first_ms=NOW, last_ms=NOW + 9, severity=3,
        about="older than an hour", parts={"quarantine.added": 1},
    )  # fmt: skip
    await log.settle(name, peeked.refs, fates, uids, now_ms=NOW, tallies=[tally])


async def _replay(world: World) -> None:
    """One that pushed what it had, none of it sent yet."""
    replays = Replays(world.log, world.archive, world.state, now_ms=lambda: NOW + 1000)
    job = await replays.start("everything", Query(limit=1000))
    await replays.advance(job.id)


# -- what it says of itself ----------------------------------------------------------------------------------
async def summary(world: World) -> dict[str, Any]:
    """Everything that the verbs tell, as JSON keeps it."""
    log, state, archive = world.log, world.state, world.archive
    seq = (await log.head()).seq
    said = {
        "head": asdict(await log.head()),
        "books": [asdict(book) for book in await log.books()],
        "rows": [asdict(row) for row in await log.rows(now_ms=NOW + 5)],
        "parked": [asdict(row) for row in await log.parked()],
        "cursors": dict(await log.cursors()),
        "tables": [list(table) for table in await log.tables()],
        "fates": {str(at): await log.fates(at) for at in range(1, seq + 1)},
        "log": [[e.seq, e.uid.hex(), _digest(e.body)] for e in await log.read(0, 1000)],
        "sources": [asdict(source) for source in await state.sources()],
        "counters": await state.counters(),
        "polls": await state.schedule_all(),
        "documents": {name: await state.get(name) for name in await state.list("")},
        "closed": sorted(await state.closed_tenants()),
        "alarms": await state.standing(),
        "archive": {
            "offset": archive.offset(0),
            "entries": [[e.seq, e.uid.hex(), _digest(e.body)] for e in _archived(archive)],
            "count": archive.count(Query()),
            "codes": [list(facet) for facet in archive.facets(Query(), "code")],
            "chain": [asdict(check) for check in archive.verify_chain()],
        },
    }
    return dict(orjson.loads(orjson.dumps(said)))


def _archived(archive: SqliteArchive) -> list[Any]:
    found = archive.entries(0, range(1, archive.offset(0) + 1))
    return [found[seq] for seq in sorted(found)]


def _layout(metadata: MetaData) -> str:
    """The tables as SQLite would be told to make them."""
    dialect = sqlite.dialect()
    return "".join(str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


# -- the shape it is in --------------------------------------------------------------------------------------
async def shape(world: World) -> dict[str, Any]:
    """Names, types and fields of everything stored, so that a change of them is seen; not arq's."""
    keys: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"type": set(), "fields": set()})
    async for raw in world.redis.scan_iter(match="mxhub:{*"):
        pattern = _pattern(raw.decode())
        kind = (await world.redis.type(raw)).decode()
        keys[pattern]["type"].add(kind)
        keys[pattern]["fields"] |= await _fields(world.redis, raw, kind)
    return {
        "versions": {
            **msgspec.to_builtins(Versions()),
            "backup": FORMAT,
            "core": int(CORE_REVISIONS.known[-1]),
        },
        "keys": {name: {what: sorted(held) for what, held in found.items()} for name, found in keys.items()},
        "header": list(Header.__struct_fields__),
        "state.json": list(DirectoryState.__struct_fields__),
        "archive": {
            name: _tables(world.data / "archive" / name)
            for name in ("catalogue.db", "events-0-000000000001.db", "uids.db")
        },
        "core": _digest(_layout(core_tables).encode()),
    }


_ROW = re.compile(r"(mxhub:\{p\d+\}:c:)[^:]+")
_NAMED = re.compile(r"(mxhub:\{state\}:(?:source|bucket|doc):).+")


def _pattern(key: str) -> str:
    return _NAMED.sub(r"\1<name>", _ROW.sub(r"\1<row>", key))


_OPEN = ("cur", "tables", ":parked", ":tally", "counters", "standing")
"""Hashes whose fields are names or numbers of the user's."""


async def _fields(redis: Redis, key: bytes, kind: str) -> set[str]:
    if kind == "stream":
        (entry,) = await redis.xrange(key, count=1)
        return {field.decode() for field in entry[1]}
    if kind != "hash" or key.decode().endswith(_OPEN):
        return set()
    return {re.sub(r"^d:.*", "d:<reason>", field.decode()) for field in await redis.hkeys(key)}


def _tables(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for name, sql in sorted(rows)}


# -- a back-up of it -----------------------------------------------------------------------------------------
async def take_backup(world: World, file: Path, *, config: str = "") -> None:
    """Through the same code as a running hub's."""

    async def no_writer() -> SqliteArchive:
        return world.archive

    keeper = Keeper(world.log, Payloads(world.log, None), no_writer, stalled=lambda why: None)
    settings: Settings = load_text(f'data: "{world.data}"\nlog: {{disk_reserve_mb: 1}}\n{config}')
    backups = Backups(lambda: settings, world.log, world.url, keeper, Extras)
    with file.open("wb") as out:
        async for chunk in backups.stream():
            out.write(chunk)
