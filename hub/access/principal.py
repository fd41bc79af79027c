"""Who asks, and what they may do: pure, decided from grants alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, Self

from hub.access.domain_names import check_domain
from hub.access.plans import Limits
from hub.access.scopes import KEY_ADMIN, expand, is_domain_bound

__all__ = ["ALL", "OPERATOR", "Decision", "Grant", "Kind", "Principal", "Reach"]

ALL = "*"
OPERATOR = "default"
"""The tenant of whoever runs the service."""
_LINKS = "login-links:create"
Kind = Literal["key", "session", "token", "local", "system"]
"""`token` is the admin token of the configuration, `local` the unix socket that only its owner reaches,
`system` the service itself in its own work."""


class Decision(Enum):
    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    """403: the scope is missing, or the domain is none of the caller's."""
    HIDDEN = "hidden"
    """404: the domain is tied to another key, and for this caller it does not exist."""


@dataclass(frozen=True, slots=True)
class Reach:
    """On which domains a scope holds: all of the tenant's, or these (lower case, A-labels)."""

    everything: bool
    domains: frozenset[str] = frozenset()

    def __contains__(self, domain: str) -> bool:
        return self.everything or domain in self.domains


@dataclass(frozen=True, slots=True)
class Grant:
    """Scopes on domains."""

    domains: frozenset[str]
    """Lower case, A-labels; `{"*"}` = all of the tenant's, those to come too."""
    names: tuple[str, ...]
    """Scopes, permissions and bundles, as they were given."""
    scopes: frozenset[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", expand(self.names))

    @classmethod
    def of(cls, names: Iterable[str], domains: Iterable[str] = (ALL,)) -> Self:
        """Raises `ValueError`: a scope that is unknown, what is no domain, none of either."""
        wanted = frozenset(domain if domain == ALL else check_domain(domain) for domain in domains)
        given = tuple(dict.fromkeys(names))
        if not wanted or not given:
            raise ValueError('a grant names at least one domain (or "*") and at least one scope')
        return cls(frozenset({ALL}) if ALL in wanted else wanted, given)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """`{"domains": [...], "scopes": [...]}`. Raises `ValueError`."""
        if not isinstance(value, dict) or set(value) != {"domains", "scopes"}:
            raise ValueError('a grant is {"domains": [...], "scopes": [...]}')
        domains, scopes = value["domains"], value["scopes"]
        if not all(
            isinstance(part, list) and all(isinstance(x, str) for x in part) for part in value.values()
        ):
            raise ValueError("domains and scopes of a grant are lists of text")
        return cls.of(scopes, domains)

    def to_json(self) -> dict[str, list[str]]:
        return {"domains": sorted(self.domains), "scopes": list(self.names)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of one request."""

    kind: Kind
    id: str
    """Of the key or the account; stable, for buckets and the audit log."""
    name: str
    tenant: str
    grants: tuple[Grant, ...]
    key_id: str | None = None
    """The key itself; for a session that a login link opened, the key that made the link."""
    key_prefix: str = ""
    allow_key_admin: bool = False
    """Keys only; people manage keys by their scopes."""
    limits: Limits | None = None
    """`None` = unlimited: people in a browser, the configuration's token."""

    @classmethod
    def operator(cls, kind: Literal["token", "local"], name: str) -> Self:
        """Whoever runs the service: everything, in their own tenant where none is named."""
        return cls(kind=kind, id=name, name=name, tenant=OPERATOR, grants=(Grant.of(["full-admin"]),))

    @classmethod
    def system(cls, name: str, tenant: str) -> Self:
        """The service itself, in work that nobody asked for: in one tenant, everything."""
        return cls(kind="system", id=name, name=name, tenant=tenant, grants=(Grant.of(["full-admin"]),))

    @property
    def is_operator(self) -> bool:
        """Whether this is whoever runs the service: everything in the tenant that is theirs."""
        return self.tenant == OPERATOR and self.is_full_admin

    @property
    def is_full_admin(self) -> bool:
        return any("full-admin" in grant.names and ALL in grant.domains for grant in self.grants)

    @property
    def sees_ties(self) -> bool:
        """Whether domains are there for the caller whichever key they are tied to: for people with
        `full-admin`, and for the service itself.
        """
        return self.kind == "system" or (self.kind != "key" and self.is_full_admin)

    def may(self, scope: str, domain: str | None = None, *, held_by: str | None = None) -> Decision:
        """Decide on one scope.

        Args:
            scope: `<resource>:<verb>`, or `admin`. Raises `KeyError` for what is none.
            domain: lower case, A-labels; `None` = across domains (then what is shown is cut to `reach`) or
                none is meant.
            held_by: the key that the domain is tied to, if any. Only that key, sessions opened through it,
                and who `sees_ties` see such a domain.

        """
        if not self._holds(scope, domain):
            return Decision.FORBIDDEN
        if domain is None or held_by is None or held_by == self.key_id:
            return Decision.ALLOWED
        return Decision.ALLOWED if self.sees_ties else Decision.HIDDEN

    def reach(self, scope: str) -> Reach:
        """On which domains the scope holds, key association aside. Raises `KeyError` for what is no scope."""
        is_domain_bound(scope)
        if self._barred(scope):
            return Reach(everything=False)
        holding = [grant.domains for grant in self.grants if scope in grant.scopes]
        names = frozenset[str]().union(*holding)
        return Reach(everything=True) if ALL in names else Reach(everything=False, domains=names)

    def may_give(self, grants: Sequence[Grant]) -> bool:
        """Whether these grants hold nothing that the caller lacks: nobody makes a key above themselves."""
        return all(
            reach.everything or grant.domains <= reach.domains
            for grant in grants
            for reach in map(self.reach, grant.scopes)
        )

    def _holds(self, scope: str, domain: str | None) -> bool:
        reach = self.reach(scope)
        if domain is not None:
            return domain in reach
        return reach.everything or (is_domain_bound(scope) and bool(reach.domains))

    def _barred(self, scope: str) -> bool:
        if self.kind == "key":
            return scope in KEY_ADMIN and not self.allow_key_admin
        by_link = self.kind == "session" and self.key_id is not None
        return by_link and scope == _LINKS  # or a session could go on for ever, link after link
