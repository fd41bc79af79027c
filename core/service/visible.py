"""What of a tenant's domains a caller may see: every service that names a domain asks here first.

A domain that is tied to a key (`api_key_id`) exists only for that key, for sessions opened through it, and
for people with `full-admin`. What happened to it stays theirs: when it is removed, until a domain of that
name is added again; as an event, for as long as that is kept.
"""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.keyset import Branches
from core.reports.within import Within
from core.service.by import By
from core.store import domains as stored
from core.store.sight import Sight
from core.store.tables import domain_aliases, domains, outbox_events, removed_ties, webhook_deliveries
from hub.access.domain_names import normal_domain
from hub.access.principal import Decision, Principal
from hub.web.access import authorize
from hub.web.errors import NotFound

__all__ = [
    "EVENTS",
    "bounds",
    "branches",
    "deliveries",
    "domain",
    "events",
    "hidden",
    "identified",
    "limit",
    "numbered",
    "seen",
    "several",
    "sight",
    "within",
]

EVENTS: Final = "events:read"
_LAST_NUMBER = 2**31 - 1
_LOOKED_FOR = 50
_tied = domains.alias("tied").c
_gone = removed_ties.c


async def domain(tx: AsyncConnection, by: By, scope: str, name: str) -> stored.Domain:
    """The tenant's domain of that name, however it is written (an alias is none).

    Raises `Forbidden` when the scope does not hold on it, `NotFound` when it is unknown, of another tenant,
    or tied to another key.
    """
    plain = normal_domain(name)
    authorize(by.principal, scope, plain)
    found = await stored.find(tx, by.tenant, plain)
    if found is None:
        raise NotFound(f"There is no domain {plain[:253]}.")
    authorize(by.principal, scope, plain, held_by=found.api_key_id)
    return found


async def numbered(tx: AsyncConnection, by: By, scope: str, number: int) -> stored.Domain:
    """The same by its number, which says nothing of domains that are not the caller's.

    Raises `NotFound`.
    """
    query = limit(select(domains.c.name), by, scope, domains.c.name).where(domains.c.number == number)
    name = (await tx.execute(query)).scalar_one_or_none() if 0 < number <= _LAST_NUMBER else None
    found = await stored.find(tx, by.tenant, name) if name is not None else None
    if found is None:
        raise NotFound(f"There is no domain {number}.")
    return found


async def identified(tx: AsyncConnection, by: By, scope: str, domain_id: str) -> stored.Domain:
    """The same by its id, which says nothing of domains that are not the caller's. Raises `NotFound`."""
    query = limit(select(domains.c.name), by, scope, domains.c.name).where(domains.c.id == domain_id)
    name = (await tx.execute(query)).scalar_one_or_none()
    found = await stored.find(tx, by.tenant, name) if name is not None else None
    if found is None:
        raise NotFound(f"There is no domain {domain_id[:80]}.")
    return found


async def several(tx: AsyncConnection, by: By, scope: str, names: Sequence[str]) -> dict[str, stored.Domain]:
    """Those of the names (normal forms) that the caller may see under the scope; the others are left out."""
    found = await stored.find_many(tx, by.tenant, names)
    return {each.name: each for each in found if seen(by, scope, each)}


def seen(by: By, scope: str, record: stored.Domain) -> bool:
    """Whether the caller may see a domain of their tenant under the scope."""
    return by.principal.may(scope, record.name, held_by=record.api_key_id) is Decision.ALLOWED


def limit(
    query: Select[Any], by: By, scope: str, column: ColumnElement[str], *, each: Branches = ()
) -> Select[Any]:
    """Narrow a list to what the caller may see.

    `column` holds names of domains; the `tenant` of its table is compared as well. Rows with an empty name
    (of no domain) are seen by those whose scope holds on all domains. `each` are the `branches` that the list
    is asked for by: SQLite is to search by those, not by all domains together.
    """
    return query.where(_within(by, scope, column, searched=not each))


def branches(by: By, scope: str, column: ColumnElement[str]) -> Branches:
    """For `core.paging`: few domains among many of the tenant's are looked for one by one, not among the rows
    of all others. `limit` is needed all the same.
    """
    reach = by.principal.reach(scope)
    if reach.everything or len(reach.domains) > _LOOKED_FOR:
        return ()
    return [column.in_([name]) for name in sorted(reach.domains)]


def events(query: Select[Any], by: By) -> Select[Any]:
    """Narrow a list of events (rows of the outbox) to what the caller may see: of domains that are tied to
    no other key now, and were not when it happened.
    """
    reach = by.principal.reach(EVENTS)
    return query.where(_told(by, None if reach.everything else sorted(reach.domains)))


def deliveries(query: Select[Any], by: By) -> Select[Any]:
    """The same for what became of events at a webhook. Of an event that is not kept any more its delivery
    says nothing.
    """
    its = select(outbox_events.c.id).where(outbox_events.c.id == webhook_deliveries.c.event)
    return query.where(or_(not_(exists(its)), exists(its.where(_told(by, sight(by).domains)))))


def sight(by: By) -> Sight:
    """What the caller may be told of, to be kept with whatever they have told for them.

    `webhooks:write` and `notifications:write` are rights on all domains; where `events:read` is held on some
    only, these are meant.
    """
    reach, who = by.principal.reach(EVENTS), by.principal
    narrow = tuple(sorted(reach.domains)) if reach.domains and not reach.everything else None
    return Sight(key_id=who.key_id or "", all_ties=who.sees_ties, domains=narrow)


async def hidden(tx: AsyncConnection, who: Principal, *, everywhere: bool = False) -> frozenset[str]:
    """All names of domains that are not there for somebody, or were not when they were removed: of their
    tenant, or of all.
    """
    held = _held_by_others(who, everywhere=everywhere)
    if held is None:
        return frozenset()
    own = held.subquery()
    other = select(domain_aliases.c.name).where(domain_aliases.c.domain.in_(select(own.c.name)))
    return frozenset([row.name for row in await tx.execute(select(own.c.name).union_all(other))])


def within(by: By, scope: str) -> Within:
    """The same as a condition, for sums over several tables."""
    return partial(_within, by, scope)


async def bounds(tx: AsyncConnection, by: By, scope: str) -> Hashable:
    """A value that stands for what `limit` and `within` let through now: equal bounds, equal answers."""
    reach = by.principal.reach(scope)
    return reach.everything, reach.domains, await hidden(tx, by.principal)


def _within(by: By, scope: str, column: ColumnElement[str], *, searched: bool = True) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = []
    table = getattr(column, "table", None)
    if table is not None and "tenant" in table.c:
        conditions.append(table.c.tenant == by.tenant)
    reach = by.principal.reach(scope)
    if not reach.everything:
        conditions.append((column if searched else column.concat("")).in_(sorted(reach.domains)))
    held = _held_by_others(by.principal)
    if held is not None:
        conditions.append(column.not_in(held))
    return and_(true(), *conditions)


def _told(by: By, names: Sequence[str] | None) -> ColumnElement[bool]:
    """Of an event: `Sight.sees` as a condition, and what is tied now."""
    event, who = outbox_events.c, by.principal
    conditions = [] if who.sees_ties else [event.held_by.in_(sorted({"", who.key_id or ""}))]
    if names is not None:
        conditions.append(event.domain.in_(names))
    held = _held_by_others(by.principal)
    if held is not None:
        conditions.append(event.domain.not_in(held))
    return and_(event.tenant == by.tenant, *conditions)


def _held_by_others(who: Principal, *, everywhere: bool = False) -> CompoundSelect[tuple[str]] | None:
    """Names of domains that are tied to a key which is not the caller's, or were when they were removed;
    None for those who see them all.
    """
    if who.sees_ties:
        return None
    others: list[ColumnElement[bool]] = [_tied.api_key_id.is_not(None)]
    gone: list[ColumnElement[bool]] = []
    if not everywhere:
        others.append(_tied.tenant == who.tenant)
        gone.append(_gone.tenant == who.tenant)
    if who.key_id is not None:
        others.append(_tied.api_key_id != who.key_id)
        gone.append(_gone.api_key_id != who.key_id)
    return select(_tied.name).where(*others).union_all(select(_gone.name).where(*gone))
