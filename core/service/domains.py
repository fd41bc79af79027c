"""Domains: listed, made, read, changed, removed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import UNSET
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.counted import Counted, counted, offset_of
from core.paging.keyset import Asked, Page, page
from core.service import provisioning, visible
from core.service.by import By, record
from core.service.core import Core
from core.service.domain_changes import DomainChange, applied
from core.service.domain_limits import room
from core.service.domain_view import check_version, deed_of
from core.service.provisioning import NewDomain, Options, Outcome
from core.store import domain_names
from core.store import domains as stored
from core.store.domains import Domain
from core.store.tables import domains as table
from core.upstream.errors import Conflict as AtHost
from core.upstream.errors import NotThere, ProviderError
from core.upstream.local import LocalProvider
from core.upstream.provider import MailProvider
from hub.access.domain_names import normal_domain
from hub.web.errors import ValidationFailed

__all__ = ["Created", "Filter", "Place", "change", "create", "every", "get", "overwrite", "remove", "several"]

_READ, _WRITE = "domains:read", "domains:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list is narrowed to. `api_key_id` empty: domains that are tied to no key."""

    names: Sequence[str] | None = None
    api_key_id: str | None = None
    status: str | None = None
    subscription: str | None = None
    customer_id: str | None = None
    organization_id: str | None = None
    verified: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which part of a list: after a cursor, or by number (then the answer knows the total)."""

    limit: int = 100
    cursor: str | None = None
    page: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """`is_new` is false where one that was there was overwritten. `host_says` is why the mail host does not
    have the domain yet, if so: turning its mail on asks again.
    """

    domain: Domain
    is_new: bool
    host_says: str = ""


async def every(
    core: Core, tx: AsyncConnection, by: By, narrow: Filter, place: Place
) -> Page[Domain] | Counted[Domain]:
    """The domains that the caller may see, the newest first. Raises `ValidationFailed`, `CursorExpired`."""
    query = visible.limit(_narrowed(narrow), by, _READ, table.c.name)
    if place.page is not None or place.offset is not None:
        if place.cursor is not None:
            raise ValidationFailed.of("cursor", "give a cursor, or page or offset, not both")
        skipped = offset_of(limit=place.limit, page=place.page, offset=place.offset)
        numbered = await counted(tx, query, stored.BY, limit=place.limit, offset=skipped)
        items = await stored.domains_of(tx, numbered.items)
        return Counted(items=items, total=numbered.total, offset=numbered.offset, limit=numbered.limit)
    filters = {name: getattr(narrow, name) for name in Filter.__dataclass_fields__}
    asked = Asked(
        scope=f"domains:{by.tenant}",
        filters=filters,
        limit=place.limit,
        cursor=place.cursor,
        now_ms=core.clock(),
    )
    found = await page(tx, query, stored.BY, core.cursors, asked)
    items = await stored.domains_of(tx, found.items)
    return Page(items=items, next_cursor=found.next_cursor, limit=found.limit)


async def several(tx: AsyncConnection, by: By, names: Sequence[str]) -> list[Domain]:
    """Those of the names that the caller may see, in this order; the others are left out."""
    plain = list(dict.fromkeys(normal_domain(name) for name in names))
    known = await visible.several(tx, by, _READ, plain)
    return [known[name] for name in plain if name in known]


async def get(tx: AsyncConnection, by: By, name: str) -> Domain:
    """One of them. Raises `NotFound` and `Forbidden`."""
    return await visible.domain(tx, by, _READ, name)


async def create(core: Core, by: By, new: NewDomain, options: Options | None = None) -> Created:
    """Add a domain, here and at the mail host; outside of any transaction.

    Raises `ValidationFailed`, `Forbidden`, `Conflict` (the name is in use, a limit is reached).
    """
    async with core.database.begin() as tx:
        (outcome,) = await provisioning.provision(core, tx, by, [new], options)
        made = _made(outcome)
    says = await _at_host(core, by, made) if made.mail_hosting else ""
    return Created(domain=made, is_new=outcome.code == provisioning.MADE, host_says=says)


async def change(
    core: Core,
    tx: AsyncConnection,
    by: By,
    name: str,
    wanted: DomainChange,
    *,
    if_match: str | None = None,
) -> Domain:
    """Change what is given (aliases aside); nothing is written where nothing differs. Event `domain.updated`.

    Raises `NotFound`, `Forbidden`, `ValidationFailed`, `PreconditionFailed` when `if_match` is not what is
    there, `Conflict` for a limit or a status that only a verification gives.
    """
    before = await visible.domain(tx, by, _WRITE, name)
    check_version(before, if_match)
    config = core.config
    after = applied(before, wanted, hostname=config.hostname, must_verify=config.verify_domains)
    if after == before:
        return before
    left = await room(tx, by.tenant, [wanted])
    left.check_owners(wanted)
    if after.subscription != before.subscription:
        left.check(after.subscription, adds_domain=False)
    after = replace(after, updated_ms=max(core.clock(), before.updated_ms + 1))
    await stored.replace_whole(tx, before, after)
    await record(core, tx, by, deed_of("domain.updated", after, before, after))
    return after


async def overwrite(core: Core, tx: AsyncConnection, by: By, name: str, wanted: DomainChange) -> Domain:
    """As `change`, and aliases that are given take the place of all. Event `domain.updated`.

    Raises as `change`, and `Conflict` for an alias that is in use.
    """
    if wanted.aliases is UNSET:
        return await change(core, tx, by, name, wanted)
    await domain_names.hold(tx)
    before = await visible.domain(tx, by, _WRITE, name)
    new = NewDomain(name=before.name, change=wanted)
    (outcome,) = await provisioning.provision(core, tx, by, [new], Options(overwrite=True))
    return _made(outcome)


async def remove(core: Core, by: By, name: str) -> Domain:
    """Remove a domain with what belongs to it, here and at the mail host; outside of any transaction.

    Raises `NotFound`, `Forbidden`, `Conflict` while mail of it is in quarantine, `ProviderError`.
    """
    async with core.database.read() as tx:
        domain = await visible.domain(tx, by, _WRITE, name)
        await provisioning.check_empty(tx, domain)
    provider = core.upstream(by.tenant)
    if not isinstance(provider, LocalProvider):
        await _leave_host(provider, domain.name)
        core.seam.hosts.forget(domain.name)
    async with core.database.begin() as tx:
        (outcome,) = await provisioning.deprovision(core, tx, by, [domain.name])
        return _made(outcome)


def _made(outcome: Outcome) -> Domain:
    if outcome.error is not None:
        raise outcome.error
    assert outcome.record is not None  # noqa: S101 - narrows the type: without an error there is a record
    return outcome.record


async def _at_host(core: Core, by: By, domain: Domain) -> str:
    """Register the domain where its mail is kept; why that did not work, or nothing."""
    provider = core.upstream(by.tenant)
    if isinstance(provider, LocalProvider):
        return ""
    try:
        await provider.add_domain(domain.name)
    except AtHost:
        return ""
    except ProviderError as error:
        return str(error)
    finally:
        core.seam.hosts.forget(domain.name)
    return ""


async def _leave_host(provider: MailProvider, name: str) -> None:
    try:
        await provider.remove_domain(name)
    except NotThere:
        return


def _narrowed(narrow: Filter) -> Select[tuple[object, ...]]:
    query, row = select(table), table.c
    if narrow.names is not None:
        query = query.where(row.name.in_(sorted({normal_domain(name) for name in narrow.names})))
    if narrow.api_key_id is not None:
        query = query.where(
            row.api_key_id == narrow.api_key_id if narrow.api_key_id else row.api_key_id.is_(None)
        )
    same = ("status", "subscription", "customer_id", "organization_id", "verified")
    given = {name: getattr(narrow, name) for name in same}
    return query.where(*(row[name] == value for name, value in given.items() if value is not None))
