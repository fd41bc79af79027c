"""A registered connector, its played destination, and the real pipeline before it."""

import asyncio
import importlib
import importlib.util
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import orjson

from hub.app.connectors import lane_of, make_connector
from hub.app.observe import OWN_SOURCE
from hub.config.model import ConnectorConfig, Settings
from hub.model.event import Entry, Event
from hub.model.ids import uid_text
from hub.pipeline.backoff import Backoff
from hub.pipeline.digest import Teller
from hub.pipeline.lane import Lane
from hub.pipeline.lanes import Lanes
from hub.pipeline.payloads import Payloads
from hub.pipeline.send import Sender
from hub.registry import Registry
from hub.sdk.connector import Connector
from hub.sdk.testing import Case, Played
from hub.store.base import Book, Fate, Log
from hub.telemetry import happenings
from tests.factories.events import make_entry

__all__ = [
    "HOSTILE",
    "KINDS",
    "REGISTRY",
    "case_of",
    "come_true",
    "config_of",
    "fresh",
    "has_case",
    "ids",
    "now_ms",
    "pipeline",
    "playing",
    "record",
    "stopped_after_sending",
    "troubles",
]

REGISTRY = Registry(third_parties=lambda _: ())
CASES = "tests.conformance.cases"
PATIENCE_S = 50.0
_QUICK = Backoff(first_s=0.02, most_s=0.05)
HOSTILE = {
    "control characters": "\x00\x07\x1b[31mred\x1b[0m\r\nBcc: all@example.org",
    "right to left": "\u202egnp.exe\u2066\u2069\u200f",
    "a megabyte": "x" * 1_000_000,
    "odd unicode": "\U0001f600 \ufeff \u2028 \u0085 e\u0301 \U000e0041 \uffff",
    "template and shell": "{{7*7}} ${jndi:ldap://x} $(id) `id` <!channel> ' \" \\ %s {0}",
    "mentions": "<!channel> <!here|here> <@U012AB3CD> <#C024BE91L> @everyone @here @channel",
    "markup": "<https://evil.example|click> [x](https://evil.example) *b* _i_ ~s~ `c` ```d``` <script>&amp;",
}
"""Texts that a stranger's mail may carry in its subject."""

Wrap = Callable[[str, Connector], Connector]


def has_case(kind: str) -> bool:
    return importlib.util.find_spec(f"{CASES}.{kind}") is not None


def case_of(kind: str) -> Case:
    case: Case = importlib.import_module(f"{CASES}.{kind}").CASE
    return case


KINDS = [kind for kind in REGISTRY.connectors() if has_case(kind)]


def troubles() -> list[tuple[str, str]]:
    """Every connector with every trouble of its case."""
    return [(kind, name) for kind in KINDS for name in case_of(kind).troubles]


def ids(batch: Sequence[Entry]) -> list[str]:
    return [uid_text(entry.uid) for entry in batch]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fresh(n: int, **over: Any) -> Entry:
    """Entry number `n`, recorded now, from a sender and about a domain of its own: no alert is too old for
    it and no storm collects it.
    """
    named = {"domain": f"customer{n}.example", "sender": f"sender{n}@origin{n}.example"}
    return make_entry(n, **{**named, "recorded_ms": now_ms(), "code": "quarantine.added", **over})


def config_of(kind: str, played: Played, **over: Any) -> ConnectorConfig:
    """As a configuration file would say it, for the played destination."""
    options = REGISTRY.connector(kind).options.model_validate(dict(played.options))
    plain = {"kind": kind, "options": options, "allow_networks": ("127.0.0.0/8",), "retry_first_s": 0.02}
    return ConnectorConfig(**{**plain, **over})


@asynccontextmanager
async def playing(kind: str, folder: Path) -> AsyncIterator[Played]:
    async with case_of(kind).play(folder) as played:
        yield played


class _Telemetry:
    """Counts what happens, as the hub's own observer does."""

    def sent(self, lane: Lane, fates: Sequence[Fate], lag_ms: int) -> None:
        happenings.delivered(lane.name, fates, lag_ms)

    def blocked(self, lane: Lane, reason: str) -> None:
        happenings.connector_blocked(lane.name, reason)

    def recovered(self, lane: Lane) -> None:
        happenings.connector_recovered(lane.name)


async def _no_wait(*_: object) -> float:
    return 0.0


@asynccontextmanager
async def pipeline(
    log: Log, connectors: Mapping[str, ConnectorConfig], wrap: Wrap = lambda _, connector: connector
) -> AsyncIterator[Lanes]:
    """Lanes as a worker runs them; `wrap` may put something between sender and connector."""
    settings = Settings(connectors=dict(connectors))
    payloads = Payloads(log, None)

    def sender(row: str) -> Sender | None:
        lane = lane_of(row, settings, REGISTRY)
        if lane is None:
            return None
        made = wrap(row, make_connector(row, connectors[row], REGISTRY))
        lane = replace(lane, probes=_QUICK)
        return Sender(
            lane,
            made,
            log,
            payloads,
            now_ms=now_ms,
            take=_no_wait,
            observer=_Telemetry(),
            tell=Teller(REGISTRY.source(OWN_SOURCE), source=OWN_SOURCE, tenant=settings.tenant).entry,
        )

    lanes = Lanes(log, sender, now_ms=now_ms)
    ringing = asyncio.create_task(_ring(log, lanes))
    try:
        yield lanes
    finally:
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)
        await lanes.stop(0.0)


async def _ring(log: Log, lanes: Lanes) -> None:
    while True:
        lanes.wake(await log.ready(now_ms()), due=True)
        await asyncio.sleep(0.01)


async def record(log: Log, entries: Sequence[Entry], names: Sequence[str]) -> None:
    """Record them in this order and route all of them to every name."""
    routes = orjson.dumps({name: [{}] for name in names}).decode()
    await log.publish(routes, sorted(names), now_ms=now_ms())
    for entry in entries:
        await log.record([Event(entry.uid, entry.header, entry.body)], now_ms=now_ms())
    head = await log.head()
    refs = list(range(head.routed + 1, head.seq + 1))
    await log.route(head.routed, head.seq, (await log.table())[0], dict.fromkeys(names, refs))


class _StopsAfterSending:
    """A connector whose process dies between the destination's answer and its own settle."""

    def __init__(self, inner: Connector, sent: asyncio.Event) -> None:
        self._inner = inner
        self._sent = sent

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._inner.__aexit__(*error)  # type: ignore[arg-type]  # the three of the protocol, handed on

    async def send(self, batch: Sequence[Entry]) -> Any:
        await self._inner.send(batch)
        self._sent.set()
        await asyncio.Event().wait()


async def stopped_after_sending(log: Log, connectors: Mapping[str, ConnectorConfig]) -> None:
    """Serve until the first batch has been sent, then die without settling it."""
    sent = asyncio.Event()
    async with pipeline(log, connectors, lambda _, made: _StopsAfterSending(made, sent)):
        await come_true(log, lambda _: sent.is_set())


async def come_true(log: Log, condition: Callable[[dict[str, Book]], bool]) -> dict[str, Book]:
    """The books once they are as they should be; fails when they do not come to that."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        books = {book.connector: book for book in await log.books()}
        if condition(books):
            return books
        defects = [book.blocked for book in books.values() if "failed: " in (book.blocked or "")]
        assert defects == [], "neither a connector nor a lane may raise"
        assert time.monotonic() < ends, f"it did not come true within {PATIENCE_S:g} s: {books}"
        await asyncio.sleep(0.01)
