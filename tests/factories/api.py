"""A hub behind the API without servers: log and archive in memory, as much of them as the API asks for."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import orjson
from pydantic import SecretStr

from hub.access.principal import Principal
from hub.api.services import Services
from hub.app.send_test import Tested
from hub.archive.base import ArchiveError, ErasureCheck, ErasureRecord, Hit, Page
from hub.archive.extract import address, extract
from hub.archive.query import Query
from hub.config.model import ConnectorConfig, Settings, SourceConfig
from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.pipeline.match import Matcher
from hub.store.base import Book, ConnectorRow, Head, ParkedRow, Unavailable
from hub.store.state import SourceStatus
from tests.factories.events import NOW_MS, make_entry

__all__ = ["TOKEN", "MemoryArchive", "MemoryCaptures", "MemoryLog", "MemoryReplays", "make_services"]

TOKEN = "an admin token"
ROUTES = {"siem": [{}], "alerts": [{"code": ["quarantine.*"]}]}


@dataclass
class MemoryLog:
    """Everything is routed; what is not parked or dropped is delivered or filtered."""

    stored: dict[int, Entry]
    partition: int = 0
    waiting: list[ParkedRow] = field(default_factory=list)
    dropped: dict[tuple[str, int], str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=lambda: dict.fromkeys(ROUTES, "ok"))
    down: bool = False
    unbalanced: bool = False

    def _up(self) -> None:
        if self.down:
            raise Unavailable("connection refused")

    async def head(self) -> Head:
        self._up()
        seq = len(self.stored)
        return Head(0, seq, seq, 0, 1, seq, 100 * seq, 3_600_000)

    async def entries(self, seqs: Sequence[int]) -> dict[int, Entry]:
        self._up()
        return {seq: self.stored[seq] for seq in seqs if seq in self.stored}

    async def cursors(self) -> Mapping[str, str]:
        self._up()
        return {"guard/audit": "c7"}

    async def tables(self) -> list[tuple[int, int, str]]:
        return [(1, 1, orjson.dumps(ROUTES).decode())]

    async def fates(self, seq: int) -> dict[str, str]:
        parked = {(row.connector, row.seq): row.reason for row in self.waiting}
        fates = {}
        for name in self.states:
            if (name, seq) in parked:
                fates[name] = f"parked: {parked[name, seq]}"
            elif (name, seq) in self.dropped:
                fates[name] = f"dropped: {self.dropped[name, seq]}"
            else:
                fates[name] = "delivered or filtered"
        return fates

    async def parked(self, name: str | None = None, *, limit: int = 1000) -> list[ParkedRow]:
        self._up()
        return [row for row in self.waiting if name in {None, row.connector}][:limit]

    async def rows(self, *, now_ms: int) -> list[ConnectorRow]:
        self._up()
        return [self._row(name, state) for name, state in self.states.items()]

    def _row(self, name: str, state: Any) -> ConnectorRow:
        parked = sum(row.connector == name for row in self.waiting)
        head = 1 if state == "paused" else 0
        return ConnectorRow(name, state, "", 0, 0, head, head, 0, parked, 0, 0, 0, head)

    async def books(self) -> list[Book]:
        self._up()
        return [self._book(name) for name in self.states]

    def _book(self, name: str) -> Book:
        matcher = Matcher.from_text(orjson.dumps(ROUTES).decode())
        matched = sum(name in matcher.match(entry.header) for entry in self.stored.values())
        parked = sum(row.connector == name for row in self.waiting)
        dropped = sum(one == name for one, _ in self.dropped)
        recorded = len(self.stored) + self.unbalanced
        return Book(
            connector=name,
            recorded=recorded,
            matched=matched,
            delivered=matched - parked - dropped,
            filtered=len(self.stored) - matched,
            dropped=dropped,
            parked=parked,
            pending=0,
            queued=0,
            retrying=0,
            dropped_by=Counter(self.dropped.values()),
            blocked=None,
        )

    async def pause(self, name: str, *, now_ms: int) -> None:
        self.states[name] = "paused"

    async def resume(self, name: str, *, now_ms: int) -> None:
        self.states[name] = "ok"

    async def rename(self, old: str, new: str) -> None:
        self.states[new] = self.states.pop(old)

    async def forget(self, name: str) -> None:
        del self.states[name]

    async def unpark(self, name: str, seqs: Sequence[int], *, now_ms: int) -> int:
        return self._take(name, seqs)

    async def drop(self, name: str, seqs: Sequence[int], reason: str) -> int:
        gone = self._take(name, seqs)
        self.dropped |= {(name, seq): reason for seq in seqs}
        return gone

    def _take(self, name: str, seqs: Sequence[int]) -> int:
        before = len(self.waiting)
        self.waiting = [row for row in self.waiting if row.connector != name or row.seq not in seqs]
        return before - len(self.waiting)


@dataclass
class MemoryArchive:
    stored: list[Entry]
    oldest: int = 1
    broken: bool = False

    def offset(self, partition: int) -> int:
        if self.broken:
            raise ArchiveError("the disk is full")
        return self.stored[-1].seq if self.stored else 0

    def oldest_seq(self, partition: int) -> int:
        return self.oldest if self.stored else 0

    def entries(self, partition: int, seqs: Sequence[int]) -> dict[int, Entry]:
        return {entry.seq: entry for entry in self.stored if entry.seq in set(seqs)}

    def get(self, uid: str) -> Hit | None:
        return next((_hit(entry) for entry in self.stored if uid_text(entry.uid) == uid), None)

    def search(self, query: Query) -> Page:
        if self.broken:
            raise ArchiveError("the disk is full")
        if query.cursor is not None and not query.cursor.isdecimal():
            raise ValueError("this is no cursor of a search")
        found = [entry for entry in self.stored if _holds(query, entry)]
        if query.after_seq is not None:
            found = [entry for entry in found if entry.seq > query.after_seq]
            return Page([_hit(entry) for entry in found[: query.limit]], None)
        found.sort(key=lambda entry: (entry.header.time_ms, entry.seq), reverse=True)
        begin = int(query.cursor or 0)
        end = begin + query.limit
        more = str(end) if end < len(found) else None
        return Page([_hit(entry) for entry in found[begin:end]], more)

    def count(self, query: Query) -> int:
        return sum(_holds(query, entry) for entry in self.stored)

    def facets(self, query: Query, field: str, limit: int = 20) -> Sequence[tuple[str, int]]:
        name = {"class": "class_uid"}.get(field, field)
        values = [str(getattr(entry.header, name, "")) for entry in self.stored if _holds(query, entry)]
        return Counter(values).most_common(limit)

    def histogram(self, query: Query, interval_ms: int) -> Sequence[tuple[int, int]]:
        held = [entry for entry in self.stored if _holds(query, entry)]
        times = [entry.header.time_ms // interval_ms * interval_ms for entry in held]
        return sorted(Counter(times).items())

    def iterate(self, query: Query) -> Iterator[Hit]:
        for entry in self.stored:
            if self.broken and entry.seq > len(self.stored) // 2:
                raise ArchiveError("the disk is full")
            if _holds(query, entry):
                yield _hit(entry)

    def gaps(self, query: Query) -> Sequence[Mapping[str, object]]:
        return [{"from_seq": 1, "to_seq": self.oldest - 1, "reason": "retention"}] if self.oldest > 1 else []


def _hit(entry: Entry) -> Hit:
    header = entry.header
    return Hit(0, entry.seq, uid_text(entry.uid), header.time_ms, header.recorded_ms, entry.body)


def _holds(query: Query, entry: Entry) -> bool:
    header, facts = entry.header, extract(entry.body)
    wanted = (
        (query.tenant, header.tenant),
        (query.source, header.source),
        (query.code, header.code),
        (query.class_uid, header.class_uid),
        (query.severity, header.severity),
        (query.domain, header.domain),
        (query.disposition, facts.disposition),
    )
    return (
        all(not values or value in values for values, value in wanted)
        and header.domain not in query.not_domain
        and (query.since_ms is None or header.time_ms >= query.since_ms)
        and (query.until_ms is None or header.time_ms < query.until_ms)
        and (query.recorded_until_ms is None or header.recorded_ms < query.recorded_until_ms)
        and (not query.sender or facts.sender == address(query.sender))
        and (not query.message_id or facts.message_id.strip("<>") == query.message_id.strip("<>"))
        and (not query.q or query.q in facts.text)
    )


@dataclass(frozen=True)
class MemoryJob:
    id: str
    connector: str
    matched: int
    state: str = "running"
    pushed: int = 0
    delivered: int = 0
    parked: int = 0
    created_ms: int = NOW_MS


@dataclass
class MemoryReplays:
    """A job is done when it was asked for twice."""

    archive: MemoryArchive
    jobs: dict[str, MemoryJob] = field(default_factory=dict)

    async def start(self, connector: str, query: Query, *, dry_run: bool = False) -> MemoryJob:
        if connector not in ROUTES:
            raise LookupError(connector)
        job = MemoryJob(f"{len(self.jobs):08x}", connector, self.archive.count(query))
        if dry_run:
            return replace(job, state="dry-run")
        self.jobs[job.id] = job
        return job

    async def get(self, job_id: str, /) -> MemoryJob | None:
        job = self.jobs.get(job_id)
        if job is None or job.state == "cancelled":
            return job
        after = {"running": "sending", "sending": "done", "done": "done"}[job.state]
        delivered = job.matched if after == "done" else 0
        self.jobs[job_id] = replace(job, state=after, pushed=job.matched, delivered=delivered)
        return self.jobs[job_id]

    async def list(self) -> Sequence[MemoryJob]:
        return list(self.jobs.values())

    async def renamed(self) -> None:
        """Its jobs have no rows whose names could tell."""

    async def forgotten(self, connector: str) -> None:
        self.jobs = {job.id: job for job in self.jobs.values() if job.connector != connector}

    async def cancel(self, job_id: str, /) -> MemoryJob | None:
        if job_id in self.jobs:
            self.jobs[job_id] = replace(self.jobs[job_id], state="cancelled")
        return self.jobs.get(job_id)


@dataclass(frozen=True)
class MemoryErasure:
    tenant: str
    asked_by: str
    id: int = NOW_MS
    stage: str = "draining"
    holder: str = "the router stands at event 3 of 9: see whether a worker runs"


@dataclass
class MemoryErasures:
    """An erasure is on record when it was asked about twice."""

    log: MemoryLog | None = None
    runs: dict[str, MemoryErasure] = field(default_factory=dict)
    shut: set[str] = field(default_factory=set)
    checks: list[ErasureCheck] = field(default_factory=list)
    patient: int = 1
    """How often it is still at work when it is asked about."""

    async def start(self, tenant: str, asked_by: str) -> MemoryErasure:
        self.shut.add(tenant)
        self.runs[tenant] = MemoryErasure(tenant, asked_by)
        return self.runs[tenant]

    def _up(self) -> None:
        if self.log is not None and self.log.down:
            raise Unavailable("connection refused")

    async def running(self, tenant: str) -> MemoryErasure | None:
        self._up()
        if tenant in self.runs and self.patient <= 0:
            run = self.runs.pop(tenant)
            self.checks.append(ErasureCheck(_record(run), None))
            return None
        self.patient -= tenant in self.runs
        return self.runs.get(tenant)

    async def reopen(self, tenant: str) -> bool:
        self._up()
        if tenant in self.runs:
            raise LookupError(tenant)
        was_closed = tenant in self.shut
        self.shut.discard(tenant)
        return was_closed

    async def closed(self) -> frozenset[str]:
        return frozenset(self.shut)

    def records(self, *, check: bool) -> Sequence[ErasureCheck]:
        return self.checks


def _record(run: MemoryErasure) -> ErasureRecord:
    return ErasureRecord(
        id=run.id,
        tenant=run.tenant,
        asked_by=run.asked_by,
        asked_ms=run.id,
        done_ms=run.id + 1000,
        upto_seq=30,
        events=30,
        digest="0" * 64,
        places={"archive": 30, "references:siem": 1},
        notes=("alerts cannot be erased from here: up to 30 events were delivered to it",),
        hash="1" * 64,
    )


@dataclass(frozen=True)
class MemoryCapture:
    id: str
    source: str
    until_ms: int
    requests: int
    bytes: int


class MemoryBackups:
    """An empty archive of tar's own kind: what the file holds is `tests/app/backup`'s matter."""

    async def stream(self) -> AsyncIterator[bytes]:
        yield bytes(512)
        yield bytes(512)


@dataclass
class MemoryCaptures:
    lines: bytes = b'{"source":"guard","reason":"signature_mismatch","headers":{},"body_b64":"e30="}\n'
    held: dict[str, MemoryCapture] = field(default_factory=dict)

    async def start(self, source: str, minutes: int) -> MemoryCapture:
        until_ms = NOW_MS + minutes * 60_000
        made = MemoryCapture(f"{source}.{len(self.held)}", source, until_ms, 1, len(self.lines))
        self.held[made.id] = made
        return made

    async def list(self) -> Sequence[MemoryCapture]:
        return list(self.held.values())

    async def read(self, capture_id: str, /) -> bytes | None:
        return self.lines if capture_id in self.held else None


class MemoryStatus:
    async def sources(self) -> Sequence[SourceStatus]:
        guard = SourceStatus(
            name="guard",
            accepted=12,
            duplicate=1,
            rejected=2,
            unknown=3,
            errors=4,
            state="failing",
            reason="HTTP 502",
            last_event_ms=NOW_MS,
            last_poll_ms=NOW_MS - 1000,
        )
        return [guard, SourceStatus(name="left", state="ok")]

    async def counters(self) -> Mapping[str, int]:
        return {"accepted": 12, "refused:signature_mismatch": 2}

    async def schedule_all(self) -> Mapping[str, int]:
        return {"guard/audit": NOW_MS + 60_000, "other/audit": NOW_MS}


async def _send_test(name: str, kind: str) -> Tested:
    """`siem` takes everything, `alerts` is down."""
    down = name == "alerts"
    return Tested(
        connector=name,
        kind="opensearch",
        event=kind,
        event_id="00" * 16,
        outcome="blocked" if down else "delivered",
        reason="connection refused" if down else "",
        took_ms=7,
    )


@dataclass(frozen=True)
class MemoryInvited:
    tenant: str
    login: str
    token: str = "the-token"
    expires_ms: int = NOW_MS + 7 * 86_400_000


async def _new_tenant(who: Principal, request_id: str, tenant: str, login: str) -> tuple[MemoryInvited, str]:
    assert who.is_operator
    assert request_id
    return MemoryInvited(tenant, login), "http://127.0.0.1:8788/api/v1/setup"


@lru_cache(maxsize=2000)
def _event(seq: int) -> Entry:
    return make_entry(seq, source="guard", tenant="acme", raw_data=True)


def make_services(*, events: int = 30, token: str | None = TOKEN, **over: Any) -> Services:
    """`over` replaces any service. Event `n` has source `guard` and a code of the made traffic."""
    stored = [_event(seq) for seq in range(1, events + 1)]
    log = over.pop("log", None) or MemoryLog({entry.seq: entry for entry in stored})
    archive = over.pop("archive", None) or MemoryArchive(stored)
    first = stored[0] if stored else make_entry(1)
    if isinstance(log, MemoryLog) and stored:
        log.waiting.append(ParkedRow("siem", 1, uid_text(first.uid), "mapping refused", 2, NOW_MS))
    settings = Settings(
        admin_token=SecretStr(token) if token else None,
        sources={"guard": SourceConfig(vendor="mailguard"), "quiet": SourceConfig(vendor="mailguard")},
        connectors={"siem": ConnectorConfig(kind="opensearch"), "alerts": ConnectorConfig(kind="file")},
    )

    async def ready() -> str | None:
        return "the log cannot be reached" if getattr(log, "down", False) else None

    given: dict[str, Any] = {
        "log": log,
        "state": MemoryStatus(),
        "archive": archive,
        "settings": settings,
        "replays": MemoryReplays(archive),
        "captures": MemoryCaptures(),
        "erasures": MemoryErasures(log if isinstance(log, MemoryLog) else None),
        "backups": MemoryBackups(),
        "ready": ready,
        "send_test": _send_test,
        "new_tenant": _new_tenant,
    }
    return Services(**(given | over))
