"""Whose mail a message is, and where each recipient's copy goes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.dns.names import BadName, domain_name
from core.engine.lists import plain_address
from core.seam.hosts import RECENT_S
from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.store import domains as stored
from core.store.domain_names import Stands, stands_for
from core.store.domains import Domain
from core.upstream import kept
from core.upstream.errors import ProviderError, RateLimited
from core.upstream.local import LocalProvider
from core.upstream.routing import Hosting, Route, route
from hub.web.errors import Conflict, ServiceUnavailable, ValidationFailed

__all__ = ["CREATE", "Addressed", "Host", "address_of", "addressed", "elsewhere", "host_of", "routed"]

CREATE = "messages:create"
_MOST_CHARS = 320
_RETRY_AFTER_S: Final = 60
_UNSAFE = frozenset('<>\\"(),;:[] \t')


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """A message's domain and recipients. `canonical` are the recipients at the domain itself, whatever alias
    they were written with; both are in the envelope's order.
    """

    domain: Domain
    recipients: tuple[str, ...]
    canonical: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of a domain's addresses; None: whoever is behind the filter knows."""

    hosting: Hosting | None
    only_forwarders: bool = False
    """Other addresses are known behind the filter."""
    is_elsewhere: bool = False
    """The host's own servers follow its forwarders: they get the mail under the address that it came to."""


def address_of(text: str, field: str) -> str:
    """An address as the envelope may hold it, its domain lower case and in A-labels.

    Raises `ValidationFailed`.
    """
    local, at, domain = text.strip().rpartition("@")
    good = at and local and len(text) <= _MOST_CHARS and text.isprintable() and not _UNSAFE & set(local)
    try:
        if good:
            return f"{local}@{domain_name(domain)}"
    except BadName as error:
        raise ValidationFailed.of(field, str(error)) from error
    raise ValidationFailed.of(field, f"{text[:80]!r} is no address: write it as user@example.com")


async def addressed(tx: AsyncConnection, by: By, recipients: Sequence[str]) -> Addressed:
    """The one domain that all recipients (of `address_of`) are at, by its name, an alias or a pointer.

    Raises `ValidationFailed` for several domains, `Forbidden`, `NotFound`, and `Conflict` while the domain
    takes no mail.
    """
    others = {one: await _stands(tx, by, one) for one in sorted({_domain(one) for one in recipients})}
    names = {one: one if other is None else other.domain for one, other in others.items()}
    if len(set(names.values())) > 1:
        said = ", ".join(sorted(set(names.values()))[:5])
        raise ValidationFailed.of(
            "rcpt_to", f"one domain a message: hand it in once for each of {said}, with the recipients there"
        )
    domain = await visible.domain(tx, by, CREATE, next(iter(names.values())))
    if not domain.takes_mail:
        raise Conflict(f"{domain.name} takes no mail: it is {'off' if not domain.active else domain.status}.")
    if pending := [one for one, other in others.items() if other is not None and other.pending]:
        raise Conflict(f"{pending[0]} takes no mail: it is pending until it is verified.")
    unique = tuple({plain_address(one): one for one in reversed(recipients)}.values())[::-1]
    canonical = tuple(f"{one.rpartition('@')[0]}@{domain.name}" for one in unique)
    return Addressed(domain=domain, recipients=unique, canonical=canonical)


async def host_of(core: Core, tx: AsyncConnection, domain: Domain, elsewhere: Hosting | None) -> Host:
    """Who decides about a domain's recipients.

    With hosting off, nobody is there. A mail host elsewhere that takes mail for the domain (`elsewhere`) has
    the say over all addresses. What is kept here has it where the domain's record says that it is complete;
    else only forwarders are followed, and the servers behind the filter know the others.
    """
    if not domain.mail_hosting:
        return Host(Hosting(domain=domain.name, is_hosting=False))
    if not isinstance(core.upstream(domain.tenant), LocalProvider):
        return Host(elsewhere, is_elsewhere=True)
    found = await kept.hosting_of(tx, domain.tenant, domain.name)
    return Host(found) if domain.mailboxes_complete else Host(_open(found), only_forwarders=True)


async def elsewhere(core: Core, domain: Domain, recipients: Sequence[str]) -> Hosting | None:
    """What a mail host elsewhere holds of a domain; None where it takes no mail for it. Outside of any
    transaction.

    None of the (canonical) recipients is refused by what was read more than a minute ago. Raises
    `ServiceUnavailable` while the host cannot be asked: who is there is not known then.
    """
    host, hosts = core.upstream(domain.tenant), core.seam.hosts
    if isinstance(host, LocalProvider) or not domain.mail_hosting:
        return None
    try:
        found = await hosts.hosting(host, domain.name)
        if found is not None and any(route(one, found).fate == "refuse" for one in recipients):
            found = await hosts.hosting(host, domain.name, age_s=RECENT_S)
    except ProviderError as error:
        wait_s = error.retry_after_s if isinstance(error, RateLimited) else _RETRY_AFTER_S
        raise ServiceUnavailable(
            f"The mail host of {domain.name} cannot be asked now who is there ({error}): come again.",
            retry_after_s=math.ceil(wait_s),
        ) from error
    return found


def routed(recipient: str, canonical: str, host: Host) -> Route:
    """Where a recipient's copy goes."""
    hosting = host.hosting
    if hosting is None or (host.only_forwarders and not _forwarded(_local(canonical), hosting)):
        return Route(fate="deliver", addresses=(recipient,))
    found = route(canonical, hosting)
    if host.is_elsewhere and found.fate == "deliver":
        return Route(fate="deliver", addresses=(canonical,))
    return found


def _forwarded(local: str, hosting: Hosting) -> bool:
    return local in hosting.forwarders or local.partition("+")[0] in hosting.forwarders


def _open(found: Hosting) -> Hosting:
    """Whatever forwarders name in the domain is taken to be there, those too that name themselves."""
    inside = {
        (alias, _local(each))
        for alias, destinations in found.forwarders.items()
        for each in destinations
        if _domain(each.lower()) == found.domain
    }
    there = {name for alias, name in inside if name == alias or name not in found.forwarders}
    return replace(found, mailboxes=frozenset(there))


async def _stands(tx: AsyncConnection, by: By, name: str) -> Stands | None:
    """What a name stands for; None where it is a domain itself, or nobody knows it."""
    if await stored.find(tx, by.tenant, name) is not None:
        return None
    other = await stands_for(tx, by.tenant, name)
    owned = other is not None and await stored.find(tx, by.tenant, other.domain) is not None
    return other if owned else None


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _local(address: str) -> str:
    return address.lower().rpartition("@")[0]
