"""Login links: their hashes, and whether they were followed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.clock import DAY_MS
from core.store.tables import login_links
from hub.access.secret_text import digest, new_text
from hub.sql.ids import new_id

__all__ = ["Link", "add", "forget", "live", "sweep", "take"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`created_by` is the id of the key that asked for it."""

    id: str
    tenant: str
    domain: str
    created_by: str
    expires_ms: int


_SHOWN = [login_links.c[name] for name in Link.__dataclass_fields__]


async def add(
    tx: AsyncConnection, tenant: str, key_id: str, domains: Sequence[str], *, now_ms: int, expires_ms: int
) -> list[tuple[Link, str]]:
    """One for each domain, with its text, which is kept as a hash only."""
    made, rows = [], []
    for domain in domains:
        text = new_text()
        link = Link(id=new_id("lnk"), tenant=tenant, domain=domain, created_by=key_id, expires_ms=expires_ms)
        made.append((link, text))
        rows.append(
            {
                "id": link.id,
                "tenant": tenant,
                "domain": domain,
                "created_by": key_id,
                "token_hash": digest(text),
                "created_ms": now_ms,
                "expires_ms": expires_ms,
            }
        )
    if rows:
        await tx.execute(insert(login_links), rows)
    return made


async def live(tx: AsyncConnection, text: str, now_ms: int) -> Link | None:
    """The link of that text, while it can be followed."""
    row = (await tx.execute(select(*_SHOWN).where(_can_be(text, now_ms)))).mappings().one_or_none()
    return None if row is None else Link(**row)


async def take(tx: AsyncConnection, text: str, ip: str, now_ms: int) -> Link | None:
    """As `live`; from now on it cannot, for every process."""
    used = update(login_links).where(_can_be(text, now_ms)).values(used_ms=now_ms, used_ip=ip)
    row = (await tx.execute(used.returning(*_SHOWN))).mappings().one_or_none()
    return None if row is None else Link(**row)


async def forget(tx: AsyncConnection, key_id: str) -> None:
    """A key's links that nobody has followed are worth nothing from here on."""
    unused = (login_links.c.created_by == key_id, login_links.c.used_ms.is_(None))
    await tx.execute(delete(login_links).where(*unused))


async def sweep(tx: AsyncConnection, now_ms: int) -> int:
    """Delete those that ended a day ago; the audit log keeps that they were."""
    old = delete(login_links).where(login_links.c.expires_ms < now_ms - DAY_MS)
    return (await tx.execute(old)).rowcount


def _can_be(text: str, now_ms: int) -> ColumnElement[bool]:
    unused = login_links.c.used_ms.is_(None) & (login_links.c.expires_ms > now_ms)
    return (login_links.c.token_hash == digest(text)) & unused
