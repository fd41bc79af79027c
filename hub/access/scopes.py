"""What can be permitted: resources and verbs, and the names that stand for many of them.

A scope is `<resource>:<verb>`. A *bundle* is what a whole key is made of, a *permission* is one of the five
that MXroute Manager's page names; a grant may hold scopes, permissions and bundles alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = [
    "ADMIN",
    "BUNDLES",
    "KEY_ADMIN",
    "PERMISSIONS",
    "RESOURCES",
    "SCOPES",
    "Resource",
    "expand",
    "implied",
    "is_domain_bound",
]


@dataclass(frozen=True, slots=True)
class Resource:
    """One row of the API's table of resources."""

    name: str
    verbs: tuple[str, ...]
    of: str
    domain_bound: bool = True
    """Its objects belong to a domain each; otherwise only a grant for all domains reaches them."""


_RW = ("read", "write")

RESOURCES: Final = (
    Resource("alerts", _RW, "alerts and alert rules"),
    Resource("audit", ("read",), "the audit log and its export"),
    Resource("cluster", ("read",), "nodes, certificates, DKIM keys, reputation, licence", domain_bound=False),
    Resource("customers", _RW, "customers and organizations", domain_bound=False),
    Resource("dashboard", ("read",), "statistics, quota, reports by period"),
    Resource("dns", _RW, "DNS health, scans and fixes, DMARC policy"),
    Resource("domains", _RW, "domains, aliases, downstream servers, policy, key association"),
    Resource("emails", _RW, "mailboxes, recovery addresses, client settings"),
    Resource("events", ("read",), "the event feed"),
    Resource("forwarders", _RW, "forwarders, catch-all, pointers"),
    Resource("keys", _RW, "API keys", domain_bound=False),
    Resource("login-links", ("create",), "links that sign in as administrator of a domain"),
    Resource("messages", ("create",), "handing in a message to be scanned"),
    Resource("notifications", _RW, "notification targets", domain_bound=False),
    Resource("people", _RW, "accounts and delegations", domain_bound=False),
    Resource("quarantine", ("read", "act"), "held mail; release, discard, report, retrain"),
    Resource("reports", _RW, "DMARC aggregate reports"),
    Resource("rules", _RW, "safelists, blocklists, sender rules"),
    Resource("settings", _RW, "settings of the service", domain_bound=False),
    Resource("spam", _RW, "spam settings"),
    Resource("subscriptions", ("read",), "subscriptions and their limits", domain_bound=False),
    Resource("users", _RW, "recipients and their settings"),
    Resource("verdicts", ("read",), "verdicts"),
    Resource("webhooks", _RW, "webhook endpoints and deliveries", domain_bound=False),
)

ADMIN: Final = "admin"
"""The hub's own API and what belongs to no resource; only `full-admin` holds it."""

_BY_NAME: Final = {one.name: one for one in RESOURCES}
SCOPES: Final = frozenset(f"{one.name}:{verb}" for one in RESOURCES for verb in one.verbs) | {ADMIN}

KEY_ADMIN: Final = frozenset({"keys:read", "keys:write", "people:write"})
"""What no key may do unless it carries `allow_key_admin`: whoever makes keys or people makes rights."""


def implied(scope: str) -> frozenset[str]:
    """The scope, and reading where it changes or acts on something that can be read."""
    resource, _, verb = scope.partition(":")
    read = f"{resource}:read"
    return frozenset({scope, read} if verb in ("write", "act") and read in SCOPES else {scope})


def is_domain_bound(scope: str) -> bool:
    """Raises `KeyError` for what is no scope."""
    return scope != ADMIN and _BY_NAME[scope.partition(":")[0]].domain_bound


def _every(*resources: str) -> frozenset[str]:
    return frozenset(scope for scope in SCOPES if scope.partition(":")[0] in resources)


_READS: Final = frozenset(scope for scope in SCOPES if scope.endswith(":read"))

BUNDLES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "read-only": _READS - KEY_ADMIN,
        "quarantine-only": _every("quarantine"),
        "domain-admin": frozenset(scope for scope in SCOPES if is_domain_bound(scope)),
        "full-admin": SCOPES,
    }
)
"""Bundles of the MailGuard page. Making a login link is no reading, whatever method a dialect gives it."""

PERMISSIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "dashboard": _every("dashboard") | {"domains:read"},
        "emails": _every("emails"),
        "forwarders": _every("forwarders"),
        "spam": _every("spam", "rules"),
        "dns": _every("dns"),
    }
)
"""The five permission keys of MXroute Manager's page."""


def expand(names: Iterable[str]) -> frozenset[str]:
    """Every scope that the names (scopes, permissions, bundles) stand for.

    Raises `ValueError` naming each one that is unknown.
    """
    found: set[str] = set()
    unknown: list[str] = []
    for name in names:
        if name in SCOPES:
            found |= implied(name)
        elif many := BUNDLES.get(name) or PERMISSIONS.get(name):
            found |= many
        else:
            unknown.append(name)
    if unknown:
        said = ", ".join(repr(name[:60]) for name in unknown)
        raise ValueError(f"no such scope, permission or bundle: {said}")
    return frozenset(found)
