"""Who acts, and what they may: tokens and people by name, permission keys per domain, administrators."""

from typing import Any

from sqlalchemy import select

from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.store.tables import domains
from hub.access.principal import Grant
from hub.access.scopes import PERMISSIONS
from hub.web.errors import Forbidden, NotFound

__all__ = ["SEEN_BY", "domain_seen", "domains_seen", "is_admin", "shown_grants", "username"]

SEEN_BY = ("dashboard:read", "emails:read", "forwarders:read", "spam:read", "dns:read", "domains:read")
"""Whoever holds one of these on a domain sees that it is there."""


def is_admin(by: By) -> bool:
    return by.principal.is_full_admin


def username(by: By) -> str:
    """As the manager calls whoever acts: a token by its label."""
    who = by.principal
    return f"token:{who.name}" if who.kind == "key" else who.name


def shown_grants(grants: tuple[Grant, ...]) -> list[dict[str, Any]]:
    """`[{"domain", "permissions": [...]}]`; a permission is shown where all of it is held."""
    names = sorted({domain for grant in grants for domain in grant.domains})
    found = []
    for name in names:
        held = frozenset[str]().union(*(grant.scopes for grant in grants if name in grant.domains))
        permissions = [key for key, scopes in PERMISSIONS.items() if scopes <= held]
        found.append({"domain": name, "permissions": permissions})
    return found


async def domains_seen(core: Core, by: By) -> list[str]:
    """Names of the domains on which the caller holds any permission."""
    names: set[str] = set()
    async with core.database.read() as tx:
        for scope in SEEN_BY:
            reach = by.principal.reach(scope)
            if reach.everything or reach.domains:
                wanted = visible.limit(select(domains.c.name), by, scope, domains.c.name)
                names |= set((await tx.execute(wanted)).scalars())
            if reach.everything:
                break
    return sorted(names)


async def domain_seen(core: Core, by: By, name: str) -> str:
    """The domain's name, where any permission holds on it. Raises `NotFound`, `Forbidden`."""
    async with core.database.read() as tx:
        for scope in SEEN_BY:
            try:
                return (await visible.domain(tx, by, scope, name)).name
            except Forbidden:
                continue
            except NotFound:
                raise
    raise Forbidden(f"No permission for {name[:253]}.")
