"""What a tenant uses of what it may use: domains, mailbox storage, quarantine."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.reports.within import Within, anywhere
from core.store.tables import domains, licences, mailboxes, quarantine_items

__all__ = ["DomainQuota", "Quota", "quota"]

_HELD = ("held", "releasing", "release_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainQuota:
    """Mailboxes of one domain: how many, the storage they may have and have used, as far as it is known."""

    domain: str
    mailboxes: int = 0
    quota_mb: int = 0
    used_mb: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """`domain_limit` is the licence's, for the whole service; `None` without a licence."""

    domain_count: int
    domain_limit: int | None
    held_messages: int
    held_bytes: int
    domains: tuple[DomainQuota, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON."""
        return {
            "domains": {"used": self.domain_count, "limit": self.domain_limit},
            "quarantine": {"messages": self.held_messages, "bytes": self.held_bytes},
            "mailboxes": {
                "count": sum(each.mailboxes for each in self.domains),
                "quota_mb": sum(each.quota_mb for each in self.domains),
                "used_mb": sum(each.used_mb for each in self.domains),
            },
            "by_domain": [
                {
                    "domain": each.domain,
                    "mailboxes": each.mailboxes,
                    "quota_mb": each.quota_mb,
                    "used_mb": each.used_mb,
                }
                for each in self.domains
            ],
        }


async def quota(tx: AsyncConnection, tenant: str, *, within: Within = anywhere) -> Quota:
    """Of the tenant's domains, or some of them."""
    names = list((await tx.execute(_names(tenant, within))).scalars())
    boxes = {each.domain: each for each in await _mailboxes(tx, tenant, within)}
    item = quarantine_items.c
    held = select(func.count(), func.coalesce(func.sum(item.size_bytes), 0)).where(
        *_of(item.tenant, item.domain, tenant, within), item.state.in_(_HELD)
    )
    messages, size = (await tx.execute(held)).one()
    limit = (await tx.execute(select(licences.c.max_domains))).scalar_one_or_none()
    return Quota(
        domain_count=len(names),
        domain_limit=limit,
        held_messages=int(messages),
        held_bytes=int(size),
        domains=tuple(boxes.get(name, DomainQuota(domain=name)) for name in names),
    )


async def _mailboxes(tx: AsyncConnection, tenant: str, within: Within) -> list[DomainQuota]:
    table = mailboxes.c
    sums = (func.count(), func.sum(table.quota_mb), func.coalesce(func.sum(table.used_mb), 0))
    asked = select(table.domain, *sums).where(*_of(table.tenant, table.domain, tenant, within))
    rows = await tx.execute(asked.group_by(table.domain))
    return [
        DomainQuota(domain=domain, mailboxes=int(count), quota_mb=int(quota_mb), used_mb=int(used))
        for domain, count, quota_mb, used in rows
    ]


def _names(tenant: str, within: Within) -> Select[Any]:
    return (
        select(domains.c.name)
        .where(*_of(domains.c.tenant, domains.c.name, tenant, within))
        .order_by(domains.c.name)
    )


def _of(
    owner: ColumnElement[str], domain: ColumnElement[str], tenant: str, within: Within
) -> tuple[ColumnElement[bool], ...]:
    return owner == tenant, within(domain)
