"""Reputation of sender addresses: moved by each verdict, forgiven with time, told when the list changes.

A score drifts back to that of an unknown address with a half-life; it is worked out when somebody looks, so
silence costs no writes. An address that came back far enough is taken off the list by `detect`.
"""

from dataclasses import replace
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor
from core.detectors.event import FILTER, SCHEDULER, Event, tell
from core.engine.reputation import START, UNLIST_ABOVE, Crossing, Standing, observe
from core.engine.verdict import Action
from core.store import standings
from core.store.clock import DAY_MS
from core.store.tables import reputations

__all__ = ["FORGET_MS", "HALF_LIFE_MS", "count", "decayed", "detect", "standing"]

HALF_LIFE_MS: Final = 7 * DAY_MS
FORGET_MS: Final = 90 * DAY_MS
"""An address that is not listed and was not heard of for so long is unknown again."""
_AT_ONCE: Final = 1_000
"""Events of one run; the rest waits for the next."""
_row = reputations.c


def decayed(standing: Standing, idle_ms: int, *, half_life_ms: int = HALF_LIFE_MS) -> Standing:
    """The standing after a time without mail; a clock that went back takes nothing away."""
    share = 0.5 ** (max(idle_ms, 0) / half_life_ms)
    return replace(standing, score=round(START + (standing.score - START) * share, 3))


async def standing(tx: AsyncConnection, tenant: str, ip: str, now_ms: int) -> Standing:
    """What is known of an address now."""
    found = await standings.known(tx, ip, tenant=tenant)
    return Standing(ip=ip) if found is None else decayed(found[0], now_ms - found[1])


async def count(
    tx: AsyncConnection, tenant: str, ip: str, action: Action, now_ms: int, *, chain: Chain
) -> Standing:
    """Count a verdict in its transaction; tells `reputation.threshold_crossed` when the list changes.

    Before anything else of the transaction is put on record: who waits for the address here must not hold
    what the one before it needs to tell.
    """
    known, updated_ms = await standings.hold(tx, ip, now_ms, tenant=tenant)
    after, crossing = observe(decayed(known, now_ms - updated_ms), action)
    await standings.put(tx, after, now_ms, tenant=tenant)
    if crossing is not None:
        await tell(tx, chain, now_ms, [_event(crossing, tenant, FILTER)])
    return after


async def detect(tx: AsyncConnection, now_ms: int, *, chain: Chain) -> list[Event]:
    """Take off the list who has been forgiven, and forget who is long unheard of."""
    quiet = select(reputations).where(_row.listed).order_by(_row.updated_ms).with_for_update(skip_locked=True)
    events: list[Event] = []
    for row in (await tx.execute(quiet)).all():
        if len(events) == _AT_ONCE:
            break
        listed = Standing(ip=row.ip, score=row.score, messages=row.messages, listed=True)
        now = decayed(listed, now_ms - row.updated_ms)
        if now.score > UNLIST_ABOVE:
            free = replace(now, listed=False)
            await standings.put(tx, free, now_ms, tenant=row.tenant)
            crossing = Crossing(
                direction="unlisted", threshold=UNLIST_ABOVE, previous_score=row.score, standing=free
            )
            events.append(_event(crossing, row.tenant, SCHEDULER))
    await tx.execute(delete(reputations).where(~_row.listed, _row.updated_ms < now_ms - FORGET_MS))
    return await tell(tx, chain, now_ms, events)


def _event(crossing: Crossing, tenant: str, actor: Actor) -> Event:
    found = crossing.standing
    return Event(
        name="reputation.threshold_crossed",
        resource=f"reputation/{found.ip}",
        data={
            "ip": found.ip,
            "score": found.score,
            "previous_score": crossing.previous_score,
            "threshold": crossing.threshold,
            "direction": crossing.direction,
            "messages": found.messages,
        },
        tenant=tenant,
        action=f"reputation.{crossing.direction}",
        actor=actor,
    )
