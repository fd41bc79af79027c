"""DMARC policies that somebody changed in the DNS: the live record is not what the domain wants.

Records are compared by what they mean to a receiver, not as texts. A drift, and its end, must be seen twice
in a row, so that a change of our own on its way through caches is none; an answer that failed says nothing.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import states
from core.detectors.event import Event, tell
from core.detectors.states import State
from core.dns.answers import Resolver
from core.dns.dmarc import only_record, parse_dmarc
from core.store.tables import dmarc_policies, domains

__all__ = ["CONFIRM", "Live", "Wanted", "detect", "difference", "look_up", "wanted"]

CONFIRM: Final = 2
_DETECTOR: Final = "dmarc_policy"
_AT_ONCE: Final = 10
_COMPARED: Final = ("p", "sp", "np", "adkim", "aspf", "psd", "testing", "pct")

Standing = Literal["same", "drift"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A domain's desired record."""

    tenant: str
    domain: str
    record: str


@dataclass(frozen=True, slots=True)
class Live:
    """What the DNS shows for it: the records that begin as DMARC ones do, none when there is none."""

    wanted: Wanted
    records: tuple[str, ...]


async def wanted(tx: AsyncConnection) -> list[Wanted]:
    """Domains with a policy of their own."""
    own = dmarc_policies.c
    asked = select(domains.c.tenant, own.domain, own.record).join_from(
        dmarc_policies, domains, domains.c.name == own.domain
    )
    rows = await tx.execute(asked.where(domains.c.active).order_by(own.domain))
    return [Wanted(*row) for row in rows]


async def look_up(resolver: Resolver, asked: Iterable[Wanted]) -> list[Live]:
    """Ask the DNS; those without an answer are left out."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(each: Wanted) -> Live | None:
        async with gate:
            answer = await resolver.lookup(f"_dmarc.{each.domain}", "TXT")
        return None if answer.is_failed else Live(each, only_record(answer.values)[1])

    return [live for live in await asyncio.gather(*(one(each) for each in asked)) if live is not None]


def difference(wanted_record: str, live: Sequence[str]) -> tuple[str, ...]:
    """The tags that differ, `record` when there is none or more than one; nothing when both mean the same."""
    if len(live) != 1:
        return ("record",)
    want, have = parse_dmarc(wanted_record), parse_dmarc(live[0])
    found = [name for name in _COMPARED if getattr(want, name) != getattr(have, name)]
    found += [name for name in ("rua", "ruf") if set(getattr(want, name)) != set(getattr(have, name))]
    return tuple("t" if name == "testing" else name for name in found)


async def detect(
    tx: AsyncConnection, now_ms: int, *, chain: Chain, live: Iterable[Live], confirm: int = CONFIRM
) -> list[Event]:
    """`dmarc.drift_alert` and `dmarc.drift_recovered`; a policy changed meanwhile waits for another look."""
    current = {each.domain: each for each in await wanted(tx)}
    told = await states.every(tx, _DETECTOR)
    gone = [key for key in told if key[1] not in current or current[key[1]].tenant != key[0]]
    await states.drop(tx, _DETECTOR, gone)
    events = []
    for each in live:
        if current.get(each.wanted.domain) != each.wanted:
            continue
        state = told.get((each.wanted.tenant, each.wanted.domain))
        event = await _judge(tx, each, state, now_ms, confirm)
        if event is not None:
            events.append(event)
    return await tell(tx, chain, now_ms, events)


async def _judge(
    tx: AsyncConnection, live: Live, told: State | None, now_ms: int, confirm: int
) -> Event | None:
    tags = difference(live.wanted.record, live.records)
    now: Standing = "drift" if tags else "same"
    was = told.state if told is not None else "same"
    seen = 0 if now == was else (told.details.get("seen", 0) if told is not None else 0) + 1
    turned = seen >= confirm
    new = State(
        tenant=live.wanted.tenant,
        subject=live.wanted.domain,
        state=now if turned else was,
        since_ms=now_ms if turned or told is None else told.since_ms,
        details={"seen": 0 if turned else seen, "tags": list(tags)},
    )
    if told is None or (new.state, new.details) != (told.state, dict(told.details)):
        await states.put(tx, _DETECTOR, new)
    return _event(live, tags) if turned else None


def _event(live: Live, tags: Sequence[str]) -> Event:
    data: dict[str, Any] = {
        "domain": live.wanted.domain,
        "expected": live.wanted.record,
        "found": list(live.records[:5]),
        "differs": list(tags),
    }
    return Event(
        name="dmarc.drift_alert" if tags else "dmarc.drift_recovered",
        resource=f"dmarc-policy/{live.wanted.domain}",
        data=data,
        tenant=live.wanted.tenant,
        domain=live.wanted.domain,
    )
