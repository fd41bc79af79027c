"""Whose mail a message is, and where each recipient's copy goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from core.dns.names import BadName, domain_name
from core.engine.lists import plain_address
from core.service import visible
from core.service.by import By
from core.store import domains as stored
from core.store.domain_names import Stands, stands_for
from core.store.domains import Domain
from core.upstream import kept
from core.upstream.routing import Hosting, Route, route
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["CREATE", "Addressed", "Host", "address_of", "addressed", "host_of", "routed"]

CREATE = "messages:create"
_MOST_CHARS = 320
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


async def host_of(tx: AsyncConnection, domain: Domain, *, is_local: bool) -> Host:
    """What the mail host knows of recipients.

    A host elsewhere decides by itself. Ours has the say over all addresses once a mailbox or a catch-all is
    kept here; before that, servers behind the filter know the others.
    """
    if not is_local:
        return Host(None if domain.mail_hosting else Hosting(domain=domain.name, is_hosting=False))
    found = await kept.hosting_of(tx, domain.tenant, domain.name)
    if not found.is_hosting or found.mailboxes or found.catch_all.kind != "fail":
        return Host(found)
    return Host(_open(found), only_forwarders=True)


def routed(recipient: str, canonical: str, host: Host) -> Route:
    """Where a recipient's copy goes."""
    hosting = host.hosting
    if hosting is None or (host.only_forwarders and not _forwarded(_local(canonical), hosting)):
        return Route(fate="deliver", addresses=(recipient,))
    return route(canonical, hosting)


def _forwarded(local: str, hosting: Hosting) -> bool:
    return local in hosting.forwarders or local.partition("+")[0] in hosting.forwarders


def _open(found: Hosting) -> Hosting:
    """Only forwarders are kept here: whatever they name in the domain is taken to be there."""
    inside = {
        _local(each)
        for destinations in found.forwarders.values()
        for each in destinations
        if _domain(each.lower()) == found.domain
    }
    return replace(found, mailboxes=frozenset(inside - set(found.forwarders)))


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
