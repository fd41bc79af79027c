"""Parts of a domain that come and go by themselves: aliases, the key that holds it, its mail hosting."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from core.service import visible
from core.service.by import By, record
from core.service.core import Core
from core.service.domain_text import checked_name
from core.service.domain_view import deed_of
from core.service.hosting import Write, carry_out
from core.store import domain_names
from core.store import domains as stored
from core.store.domains import Domain
from core.upstream import errors as host_errors
from core.upstream import kept
from core.upstream.provider import MailProvider
from hub.access import keys
from hub.access.domain_names import normal_domain
from hub.access.keyring import KeyRefused
from hub.access.principal import Decision
from hub.web.access import authorize
from hub.web.errors import Conflict, Forbidden, NotFound, ValidationFailed

__all__ = ["MAX_ALIASES", "add_alias", "associate", "dissociate", "hand_over", "remove_alias", "set_hosting"]

MAX_ALIASES = 1000
_WRITE = "domains:write"


async def add_alias(core: Core, tx: AsyncConnection, by: By, domain: str, alias: str) -> tuple[Domain, bool]:
    """Give a domain another name; false where it had that already. Event `domain.updated`.

    Whoever may not add a domain of that name may not add the alias. With `verify_domains` it is pending
    until it is verified. Raises `NotFound`, `Forbidden`, `ValidationFailed`, `Conflict` when the name is a
    domain, an alias or a pointer of somebody, or the domain has `MAX_ALIASES`.
    """
    name = checked_name(alias, refused=core.config.blocked_domains, field="alias")
    await domain_names.hold(tx)
    before = await visible.domain(tx, by, _WRITE, domain)
    if name in before.aliases:
        return before, False
    authorize(by.principal, _WRITE, name)
    taken = await domain_names.taken(tx, [name])
    if name in taken.domains:
        raise Conflict(f"{name} is a domain of its own: remove that first")
    if name in taken.aliases or name in taken.pointers:
        raise Conflict(f"{name} is another name of a domain here already")
    if len(before.aliases) >= MAX_ALIASES:
        raise Conflict(f"{before.name} has {MAX_ALIASES} aliases, which is the most")
    pending = (*before.pending_aliases, name) if core.config.verify_domains else before.pending_aliases
    named = {"aliases": tuple(sorted((*before.aliases, name))), "pending_aliases": tuple(sorted(pending))}
    return await _changed(core, tx, by, before, **named), True


async def remove_alias(core: Core, tx: AsyncConnection, by: By, domain: str, alias: str) -> Domain:
    """Take a name away from a domain. Event `domain.updated`. Raises `NotFound`, `Forbidden`."""
    before = await visible.domain(tx, by, _WRITE, domain)
    name = normal_domain(alias)
    if name not in before.aliases:
        raise NotFound(f"{before.name} has no alias {name[:253]}.")
    left, pending = (
        tuple(each for each in names if each != name) for names in (before.aliases, before.pending_aliases)
    )
    return await _changed(core, tx, by, before, aliases=left, pending_aliases=pending)


async def associate(
    core: Core, tx: AsyncConnection, by: By, domain: str, key_id: str | None = None
) -> Domain:
    """Tie a domain to a key: others no longer see it. Event `domain.updated`.

    A key can tie a domain to itself only; people with `full-admin` name the key. Raises `NotFound`,
    `Forbidden`, `ValidationFailed` for a key that is not there or was revoked.
    """
    before = await visible.domain(tx, by, _WRITE, domain)
    wanted = await _key_for(tx, by, key_id)
    if before.api_key_id == wanted:
        return before
    return await _changed(core, tx, by, before, api_key_id=wanted)


async def hand_over(core: Core, by: By, domain: str, text: str) -> Domain:
    """Tie a domain to the key whose text the caller knows: whoever else asked with the domain's own loses it.

    Outside of any transaction. Event `domain.updated`. Raises `NotFound`, `Forbidden`, and `ValidationFailed`
    for what is no key of the tenant that could manage the domain: nobody but people would see it again.
    """
    async with core.database.read() as tx:
        name = (await visible.domain(tx, by, _WRITE, domain)).name
    try:
        other = await core.access.keyring.authenticate(text)
    except KeyRefused as error:
        raise ValidationFailed.of("api_key", str(error)) from None
    if other.tenant != by.tenant or other.key_id is None:
        raise ValidationFailed.of("api_key", "The key is not known.")
    if other.may(_WRITE, name) is not Decision.ALLOWED:
        said = f"that key may not manage {name}: give it the scope {_WRITE!r} there first"
        raise ValidationFailed.of("api_key", said)
    async with core.database.begin() as tx:
        before = await visible.domain(tx, by, _WRITE, name)
        if before.api_key_id == other.key_id:
            return before
        return await _changed(core, tx, by, before, api_key_id=other.key_id)


async def dissociate(core: Core, tx: AsyncConnection, by: By, domain: str) -> Domain:
    """Every key of the tenant sees the domain again, by its grants. Event `domain.updated`.

    Raises `NotFound` and `Forbidden`.
    """
    before = await visible.domain(tx, by, _WRITE, domain)
    if before.api_key_id is None:
        return before
    return await _changed(core, tx, by, before, api_key_id=None)


async def set_hosting(core: Core, by: By, domain: str, *, on: bool) -> Domain:
    """Whether mail for the domain is taken, here and at the mail host; outside of any transaction.

    A domain that the host does not know yet is registered there when its mail is turned on. Event
    `domain.updated`. Raises `NotFound`, `Forbidden`, `ProviderError`.
    """
    async with core.database.read() as tx:
        before = await visible.domain(tx, by, _WRITE, domain)
    after = replace(before, mail_hosting=on, updated_ms=max(core.clock(), before.updated_ms + 1))
    if before.mail_hosting != on or not await _hosts(core.upstream(by.tenant), before.name, on=on):
        write = Write(
            act=lambda host: _set_hosting(host, before.name, on=on),
            happened=lambda host: _hosts(host, before.name, on=on),
            mirror=lambda tx: kept.set_hosting(tx, by.tenant, before.name, on=on, now_ms=after.updated_ms),
            deed=deed_of("domain.updated", after, before, after),
        )
        await carry_out(core, by, write)
    async with core.database.read() as tx:
        return await visible.domain(tx, by, _WRITE, before.name)


async def _hosts(host: MailProvider, name: str, *, on: bool) -> bool:
    try:
        return (await host.domain(name)).is_hosting == on
    except host_errors.NotThere:
        return not on


async def _set_hosting(host: MailProvider, name: str, *, on: bool) -> None:
    try:
        await host.set_hosting(name, on=on)
    except host_errors.NotThere:
        if on:
            await host.add_domain(name)


async def _key_for(tx: AsyncConnection, by: By, key_id: str | None) -> str:
    who = by.principal
    if who.kind == "key":
        if who.key_id is None or key_id not in (None, who.key_id):
            raise Forbidden("A key can tie a domain to itself only.")
        return who.key_id
    if not who.is_full_admin:
        raise Forbidden("Only full-admin people tie a domain to somebody's key.")
    if key_id is None:
        raise ValidationFailed.of("api_key_id", "name the key: you ask without one")
    found = await keys.find(tx, by.tenant, key_id)
    if found is None or found.revoked_ms is not None:
        raise ValidationFailed.of("api_key_id", "there is no such key, or it was revoked")
    return found.id


async def _changed(core: Core, tx: AsyncConnection, by: By, before: Domain, **values: object) -> Domain:
    now_ms = max(core.clock(), before.updated_ms + 1)
    after: Domain = replace(before, updated_ms=now_ms, **values)  # type: ignore[arg-type]  # names of its fields
    await stored.replace_whole(tx, before, after)
    await record(core, tx, by, deed_of("domain.updated", after, before, after))
    return after
