"""Tokens of password reset mails: their hashes, and whether they were used."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.clock import DAY_MS
from core.store.tables import domains, password_resets
from hub.access.secret_text import digest, new_text
from hub.sql.ids import new_id

__all__ = ["Place", "Reset", "add", "forget", "give_back", "place_of", "sweep", "take"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose a domain is."""

    tenant: str
    domain_id: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """`email` is the mailbox, not where the mail went."""

    id: str
    tenant: str
    domain: str
    email: str


async def place_of(tx: AsyncConnection, domain: str) -> Place | None:
    """A domain's, by its name alone: who has lost a password names no tenant."""
    wanted = select(domains.c.tenant, domains.c.id).where(domains.c.name == domain, domains.c.active)
    row = (await tx.execute(wanted)).one_or_none()
    return None if row is None else Place(tenant=row.tenant, domain_id=row.id, domain=domain)


async def add(
    tx: AsyncConnection, place: Place, email: str, *, ip: str, now_ms: int, expires_ms: int
) -> tuple[Reset, str]:
    """Its text too, which is kept as a hash only; earlier ones of the mailbox are worth nothing any more."""
    await forget(tx, place.tenant, email)
    text = new_text()
    reset = Reset(id=new_id("rst"), tenant=place.tenant, domain=place.domain, email=email)
    row = {
        "id": reset.id,
        "tenant": reset.tenant,
        "domain": reset.domain,
        "email": email,
        "token_hash": digest(text),
        "requested_ip": ip,
        "created_ms": now_ms,
        "expires_ms": expires_ms,
    }
    await tx.execute(insert(password_resets).values(row))
    return reset, text


async def take(tx: AsyncConnection, text: str, now_ms: int) -> Reset | None:
    """The reset of that text; from now on nobody else gets it."""
    table = password_resets.c
    can_be = (table.token_hash == digest(text)) & table.used_ms.is_(None) & (table.expires_ms > now_ms)
    used = update(password_resets).where(can_be).values(used_ms=now_ms)
    columns = (table.id, table.tenant, table.domain, table.email)
    row = (await tx.execute(used.returning(*columns))).mappings().one_or_none()
    return None if row is None else Reset(**row)


async def give_back(tx: AsyncConnection, reset: Reset) -> None:
    """It was taken for nothing."""
    await tx.execute(update(password_resets).where(password_resets.c.id == reset.id).values(used_ms=None))


async def forget(tx: AsyncConnection, tenant: str, email: str) -> None:
    """All of a mailbox."""
    mine = (password_resets.c.tenant == tenant) & (password_resets.c.email == email)
    await tx.execute(delete(password_resets).where(mine))


async def sweep(tx: AsyncConnection, now_ms: int) -> int:
    """Delete those that ended a day ago."""
    old = delete(password_resets).where(password_resets.c.expires_ms < now_ms - DAY_MS)
    return (await tx.execute(old)).rowcount
