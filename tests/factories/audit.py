"""Changes to write down, and hands that tamper with what was written."""

from typing import Any

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.store.tables import audit_entries, audit_heads
from tests.factories.core import NOW_MS, FakeClock

KEY = b"a key of the tests, which is long enough"
ENTRY = audit_entries.c


def chain(key: bytes = KEY, node_id: str = "node-1", now_ms: int = NOW_MS) -> Chain:
    """A writer with a clock that stands still."""
    return Chain(key, node_id=node_id, clock=FakeClock(now_ms))


def change(number: int = 1, **changes: Any) -> Change:
    """A domain that got another threshold."""
    plain: dict[str, Any] = {
        "actor": Actor(type="api_key", id="deploy", key_prefix="mfk_live_abcdefghijk", ip="192.0.2.7"),
        "action": "domain.updated",
        "resource": Resource(type="domain", id=f"dom_{number}", domain="acme.example"),
        "request_id": f"req_{number}",
        "before": {"tag_threshold": 5.0},
        "after": {"tag_threshold": 6.5 + number},
    }
    return Change(**{**plain, **changes})


async def write(tx: AsyncConnection, writer: Chain, tenant: str, count: int) -> None:
    """Some entries."""
    for number in range(count):
        await writer.append(tx, tenant, change(number))


async def unguard(tx: AsyncConnection) -> None:
    """What an attacker does first, who owns the database."""
    if tx.dialect.name == "postgresql":
        await tx.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER USER"))
        return
    for name in ("change", "delete", "replace"):
        await tx.execute(text(f"DROP TRIGGER audit_entries_{name}"))


async def edit(tx: AsyncConnection, tenant: str, seq: int, /, **values: Any) -> None:
    await tx.execute(update(audit_entries).where(ENTRY.tenant == tenant, ENTRY.seq == seq).values(**values))


async def remove(tx: AsyncConnection, tenant: str, first: int, last: int) -> None:
    where = (ENTRY.tenant == tenant, ENTRY.seq >= first, ENTRY.seq <= last)
    await tx.execute(delete(audit_entries).where(*where))


async def swap(tx: AsyncConnection, tenant: str, one: int, other: int) -> None:
    for seq, to in ((one, -1), (other, one), (-1, other)):
        await edit(tx, tenant, seq, seq=to)


async def cut(tx: AsyncConnection, tenant: str, last: int) -> None:
    """Take the end off, and make the head fit."""
    head = audit_heads.c
    if last == 0:
        await tx.execute(delete(audit_heads).where(head.tenant == tenant))
    else:
        known = select(ENTRY.hash).where(ENTRY.tenant == tenant, ENTRY.seq == last)
        state = {"seq": last, "hash": (await tx.execute(known)).scalar_one()}
        await tx.execute(update(audit_heads).where(head.tenant == tenant).values(**state))
    await remove(tx, tenant, last + 1, 2**62)
