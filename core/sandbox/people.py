"""The made people: an operator who works through the quarantine, end users, logins right and wrong."""

import random
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from core.service import actions
from core.store import audit, quarantine

__all__ = ["act"]

_OPERATORS = (
    audit.Actor(type="user", name="admin", ip="10.0.0.5"),
    audit.Actor(type="user", name="m.keller", ip="10.0.0.7"),
)
_CROWDED = 300
"""With more than this many held, the operator clears the oldest in bulk."""
_BULK = 25

_Deed = Callable[[AsyncConnection, random.Random, str, int], Awaitable[None]]


async def act(tx: AsyncConnection, rng: random.Random, node_id: str, now_ms: int) -> None:
    """One thing that somebody does now."""
    held = await quarantine.count(tx)
    if held > _CROWDED:
        await _clear(tx, rng, held, now_ms)
        return
    deed = rng.choices((_release, _discard, _train, _login), (4, 4, 2, 3))[0]
    await deed(tx, rng, node_id, now_ms)


async def _pick(tx: AsyncConnection, rng: random.Random) -> quarantine.Held | None:
    recent = await quarantine.page(tx, quarantine.Filter(), limit=20, offset=0)
    return rng.choice(recent) if recent else None


async def _release(tx: AsyncConnection, rng: random.Random, _: str, now_ms: int) -> None:
    """By the operator, or by the recipient from the digest."""
    held = await _pick(tx, rng)
    if held is not None:
        user = audit.Actor(type="user", name=held.recipients[0])
        actor = user if rng.random() < 0.3 else rng.choice(_OPERATORS)  # noqa: PLR2004 -- a share
        await actions.release(tx, held.node_id, held.queue_id, actor, now_ms)


async def _discard(tx: AsyncConnection, rng: random.Random, _: str, now_ms: int) -> None:
    held = await _pick(tx, rng)
    if held is not None:
        await actions.discard(tx, held.node_id, held.queue_id, rng.choice(_OPERATORS), now_ms)


async def _train(tx: AsyncConnection, rng: random.Random, _: str, now_ms: int) -> None:
    held = await _pick(tx, rng)
    if held is not None:
        await actions.retrain(tx, held.node_id, held.queue_id, "spam", rng.choice(_OPERATORS), now_ms)


async def _login(tx: AsyncConnection, rng: random.Random, node_id: str, now_ms: int) -> None:
    actor = rng.choice(_OPERATORS)
    failed = rng.random() < 0.2  # noqa: PLR2004 -- a share
    note = audit.Note(
        actor=actor,
        action="auth.login_failed" if failed else "auth.login",
        resource=f"user/{actor.name}",
        result="failure" if failed else "success",
        details={"method": "password+totp"},
    )
    await audit.append(tx, node_id, now_ms, note)


async def _clear(tx: AsyncConnection, rng: random.Random, held: int, now_ms: int) -> None:
    oldest = await quarantine.page(tx, quarantine.Filter(), limit=_BULK, offset=max(held - _BULK, 0))
    actor = rng.choice(_OPERATORS)
    for item in oldest:
        await actions.discard(tx, item.node_id, item.queue_id, actor, now_ms)
