"""What the core itself knows of a domain's hosting: its own store, over a transaction of the caller's.

For domains without a host upstream these rows are the truth; for the others they mirror the host, so that the
seam decides from one snapshot of its own (`hosting_of`).
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Row, case, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import catch_alls, domains, forwarders, mailboxes, pointers
from core.upstream.errors import Conflict, NotThere
from core.upstream.provider import CatchAll, Forwarder, HostedDomain, Mailbox, MailboxChange, Pointer
from core.upstream.routing import Hosting
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = [
    "add_forwarder",
    "add_mailbox",
    "add_pointer",
    "catch_all_of",
    "change_mailbox",
    "forwarders_of",
    "hosted",
    "hosting_of",
    "mailboxes_of",
    "pointers_of",
    "reject_threshold",
    "remove_forwarder",
    "remove_mailbox",
    "remove_pointer",
    "set_catch_all",
    "set_hosting",
    "set_reject_threshold",
]


async def hosted(tx: AsyncConnection, tenant: str, domain: str) -> HostedDomain:
    """The tenant's domain. Raises `NotThere`."""
    wanted = select(domains.c.mail_hosting).where(domains.c.tenant == tenant, domains.c.name == domain)
    row = (await tx.execute(wanted)).first()
    if row is None:
        raise NotThere(f"{domain} is not a domain here")
    names = tuple(each.name for each in await pointers_of(tx, domain))
    return HostedDomain(name=domain, is_hosting=row.mail_hosting, pointers=names)


async def set_hosting(tx: AsyncConnection, tenant: str, domain: str, *, on: bool, now_ms: int) -> None:
    """Whether mail for the domain is taken. Raises `NotThere`."""
    mine = (domains.c.tenant == tenant) & (domains.c.name == domain)
    changed = await tx.execute(update(domains).where(mine).values(mail_hosting=on, updated_ms=now_ms))
    if not changed.rowcount:
        raise NotThere(f"{domain} is not a domain here")


async def hosting_of(tx: AsyncConnection, tenant: str, domain: str) -> Hosting:
    """What decides about recipients, from one snapshot. Raises `NotThere`."""
    known = await hosted(tx, tenant, domain)
    boxes = await mailboxes_of(tx, domain)
    names = await pointers_of(tx, domain)
    return Hosting(
        domain=domain,
        mailboxes=frozenset(each.username for each in boxes),
        suspended=frozenset(each.username for each in boxes if each.is_suspended),
        forwarders={each.alias: each.destinations for each in await forwarders_of(tx, domain)},
        catch_all=await catch_all_of(tx, domain),
        aliases=frozenset(each.name for each in names if each.is_alias),
        is_hosting=known.is_hosting,
    )


async def reject_threshold(tx: AsyncConnection, tenant: str, domain: str) -> float:
    """The score from which on the domain's mail is refused. Raises `NotThere`."""
    wanted = select(domains.c.reject_threshold).where(domains.c.tenant == tenant, domains.c.name == domain)
    found: float | None = (await tx.execute(wanted)).scalar_one_or_none()
    if found is None:
        raise NotThere(f"{domain} is not a domain here")
    return found


async def set_reject_threshold(tx: AsyncConnection, domain: str, score: float, *, now_ms: int) -> None:
    """Set it; a limit that would stand above it comes down to it."""
    limits = domains.c.tag_threshold, domains.c.quarantine_threshold
    lowered = {each.name: case((each > score, score), else_=each) for each in limits}
    values = {**lowered, "reject_threshold": score, "updated_ms": now_ms}
    await tx.execute(update(domains).where(domains.c.name == domain).values(**values))


# -- mailboxes --
async def mailboxes_of(tx: AsyncConnection, domain: str, only: str | None = None) -> tuple[Mailbox, ...]:
    """All of the domain by name, or the one named."""
    wanted = select(mailboxes).where(mailboxes.c.domain == domain).order_by(mailboxes.c.username)
    if only is not None:
        wanted = wanted.where(mailboxes.c.username == only)
    return tuple(_mailbox(row) for row in await tx.execute(wanted))


async def add_mailbox(
    tx: AsyncConnection, tenant: str, domain: str, mailbox: Mailbox, *, now_ms: int
) -> None:
    """Raises `Conflict` when the name is taken."""
    new = upsert.insert(tx, mailboxes).values(
        id=new_id("box"),
        tenant=tenant,
        domain=domain,
        username=mailbox.username,
        quota_mb=mailbox.quota_mb,
        send_limit=mailbox.send_limit,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    await _once(tx, new, f"{mailbox.username}@{domain}")


async def change_mailbox(
    tx: AsyncConnection, domain: str, username: str, change: MailboxChange, *, now_ms: int
) -> None:
    """Quota and limit; a password is not kept. Raises `NotThere`."""
    wanted = {"quota_mb": change.quota_mb, "send_limit": change.send_limit, "updated_ms": now_ms}
    values = {name: value for name, value in wanted.items() if value is not None}
    changed = await tx.execute(update(mailboxes).where(_box(domain, username)).values(**values))
    _there(changed.rowcount, f"{username}@{domain}")


async def remove_mailbox(tx: AsyncConnection, domain: str, username: str) -> None:
    """Raises `NotThere`."""
    gone = await tx.execute(delete(mailboxes).where(_box(domain, username)))
    _there(gone.rowcount, f"{username}@{domain}")


# -- forwarding --
async def forwarders_of(tx: AsyncConnection, domain: str) -> tuple[Forwarder, ...]:
    """All of the domain, by alias."""
    wanted = select(forwarders).where(forwarders.c.domain == domain).order_by(forwarders.c.alias)
    rows = await tx.execute(wanted)
    return tuple(Forwarder(alias=row.alias, destinations=tuple(row.destinations)) for row in rows)


async def add_forwarder(
    tx: AsyncConnection, tenant: str, domain: str, alias: str, destinations: Sequence[str], *, now_ms: int
) -> None:
    """Raises `Conflict` when the alias has one."""
    new = upsert.insert(tx, forwarders).values(
        id=new_id("fwd"),
        tenant=tenant,
        domain=domain,
        alias=alias,
        destinations=list(destinations),
        created_ms=now_ms,
    )
    await _once(tx, new, f"{alias}@{domain}")


async def remove_forwarder(tx: AsyncConnection, domain: str, alias: str) -> None:
    """Raises `NotThere`."""
    mine = (forwarders.c.domain == domain) & (forwarders.c.alias == alias)
    _there((await tx.execute(delete(forwarders).where(mine))).rowcount, f"{alias}@{domain}")


async def catch_all_of(tx: AsyncConnection, domain: str) -> CatchAll:
    """`fail` where none is set."""
    row = (await tx.execute(select(catch_alls).where(catch_alls.c.domain == domain))).first()
    return CatchAll() if row is None else CatchAll(kind=row.type, address=row.address)


async def set_catch_all(
    tx: AsyncConnection, tenant: str, domain: str, catch_all: CatchAll, *, now_ms: int
) -> None:
    """Set it, whatever was set before."""
    values = {"type": catch_all.kind, "address": catch_all.address, "updated_ms": now_ms}
    new = upsert.insert(tx, catch_alls).values(domain=domain, tenant=tenant, **values)
    await tx.execute(new.on_conflict_do_update(index_elements=["domain"], set_=values))


async def pointers_of(tx: AsyncConnection, domain: str) -> tuple[Pointer, ...]:
    """All of the domain, by name."""
    wanted = select(pointers).where(pointers.c.domain == domain).order_by(pointers.c.pointer)
    return tuple(Pointer(name=row.pointer, is_alias=row.alias) for row in await tx.execute(wanted))


async def add_pointer(
    tx: AsyncConnection, tenant: str, domain: str, pointer: Pointer, *, now_ms: int
) -> None:
    """Raises `Conflict` when the name is a domain or a pointer already, anybody's."""
    taken = await tx.execute(select(exists().where(domains.c.name == pointer.name)))
    if taken.scalar_one():
        raise Conflict(f"{pointer.name} is a domain of its own")
    new = upsert.insert(tx, pointers).values(
        id=new_id("ptr"),
        tenant=tenant,
        domain=domain,
        pointer=pointer.name,
        alias=pointer.is_alias,
        created_ms=now_ms,
    )
    await _once(tx, new, pointer.name)


async def remove_pointer(tx: AsyncConnection, domain: str, pointer: str) -> None:
    """Raises `NotThere`."""
    mine = (pointers.c.domain == domain) & (pointers.c.pointer == pointer)
    _there((await tx.execute(delete(pointers).where(mine))).rowcount, pointer)


def _box(domain: str, username: str) -> ColumnElement[bool]:
    return (mailboxes.c.domain == domain) & (mailboxes.c.username == username)


async def _once(tx: AsyncConnection, new: postgresql.Insert | sqlite.Insert, what: str) -> None:
    made = await tx.execute(new.on_conflict_do_nothing())
    if not made.rowcount:
        raise Conflict(f"{what} is there already")


def _there(rows: int, what: str) -> None:
    if not rows:
        raise NotThere(f"{what} is not there")


def _mailbox(row: Row[tuple[object, ...]]) -> Mailbox:
    return Mailbox(
        username=row.username,
        quota_mb=row.quota_mb,
        send_limit=row.send_limit,
        used_mb=row.used_mb,
        sent_today=row.sent_today,
        is_suspended=row.suspended,
    )
