"""Removing entries on purpose: by age, or with their tenant. A sealed entry says so, which `verify` asks.

What is removed is a beginning of a chain. The number and hash of the last entry removed stand, sealed, in the
entry that tells of it, so the rest can still be checked to its first entry.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Entry, Resource
from core.audit.walk import Start
from core.store import meta
from core.store.tables import audit_entries, audit_heads
from core.store.tenancy import OPERATOR

__all__ = ["ERASED", "PRUNED", "erase", "prune", "start_of"]

PRUNED = "audit.pruned"
ERASED = "audit.erased"
SYSTEM = Actor(type="system", id="mxhub")
_KEPT_SINCE = "audit_kept_since_ms"
"""Of `meta`: the triggers let entries go that are older."""
_EVER = str(2**62)
_entry = audit_entries.c


async def prune(tx: AsyncConnection, chain: Chain, before_ms: int) -> int:
    """Delete what is older, a beginning of each chain; returns how many entries went.

    The newest entry of a chain stays, whatever its age.
    """
    done = 0
    for head in (await tx.execute(select(audit_heads.c.tenant, audit_heads.c.seq))).all():
        kept = select(func.min(_entry.seq)).where(_entry.tenant == head.tenant, _entry.at_ms >= before_ms)
        first = (await tx.execute(kept)).scalar_one_or_none() or head.seq
        oldest = select(func.min(_entry.seq)).where(_entry.tenant == head.tenant)
        if first > ((await tx.execute(oldest)).scalar_one_or_none() or first):
            done += await _remove(tx, chain, head.tenant, first - 1, (head.tenant, PRUNED, SYSTEM))
    return done


async def erase(tx: AsyncConnection, chain: Chain, tenant: str, actor: Actor = SYSTEM) -> int:
    """Delete all entries of a tenant; the operator's chain tells of it. Returns how many went.

    The head stays: entries of a tenant of that name later follow it, and anchors made before still hold.
    Raises `ValueError` for the operator's own chain.
    """
    if tenant == OPERATOR:
        raise ValueError(f"the chain of {OPERATOR!r} is the operator's own: it tells what was erased")
    head = await tx.execute(select(audit_heads.c.seq).where(audit_heads.c.tenant == tenant))
    last = head.scalar_one_or_none()
    return await _remove(tx, chain, tenant, last, (OPERATOR, ERASED, actor)) if last else 0


async def start_of(tx: AsyncConnection, chain: Chain, tenant: str) -> Start:
    """What was removed of a chain, by the newest entries that say so and hold."""
    own = (_entry.tenant == tenant) & (_entry.action == PRUNED)
    operators = (_entry.tenant == OPERATOR) & (_entry.action == ERASED)
    asked = select(audit_entries).where(or_(own, operators), _entry.resource == f"audit/{tenant}")
    newest = Start()
    for row in (await tx.execute(asked)).mappings():
        if chain.holds(row):
            newest = max(newest, _start(chain.entry(row)))
    return newest


def _start(entry: Entry) -> Start:
    return Start(entry.details["through"], entry.details["hash"])


async def _remove(
    tx: AsyncConnection, chain: Chain, tenant: str, last: int, told: tuple[str, str, Actor]
) -> int:
    """Delete the entries up to number `last`."""
    where, action, actor = told
    if tenant == OPERATOR:
        await _retell(tx, chain, last)
    known = select(_entry.hash).where(_entry.tenant == tenant, _entry.seq == last)
    details = {"through": last, "hash": (await tx.execute(known)).scalar_one_or_none() or ""}
    resource = Resource(type="audit", id=tenant)
    await chain.append(tx, where, Change(actor=actor, action=action, resource=resource, details=details))
    async with _unlocked(tx):
        gone = await tx.execute(delete(audit_entries).where(_entry.tenant == tenant, _entry.seq <= last))
    return gone.rowcount


async def _retell(tx: AsyncConnection, chain: Chain, last: int) -> None:
    """What was erased is told again before the entries go that told it: the heads and anchors stay."""
    asked = select(audit_entries).where(
        _entry.tenant == OPERATOR, _entry.action == ERASED, _entry.seq <= last
    )
    told = [chain.entry(row) for row in (await tx.execute(asked)).mappings()]
    for entry in told:
        if entry.sealed and await start_of(tx, chain, entry.resource.id) == _start(entry):
            told_again = Change(actor=SYSTEM, action=ERASED, resource=entry.resource, details=entry.details)
            await chain.append(tx, OPERATOR, told_again)


@asynccontextmanager
async def _unlocked(tx: AsyncConnection) -> AsyncIterator[None]:
    """The triggers let entries go, inside this transaction only."""
    before = await meta.get(tx, _KEPT_SINCE)
    await meta.put(tx, _KEPT_SINCE, _EVER)
    yield
    await meta.put(tx, _KEPT_SINCE, before or "0")
