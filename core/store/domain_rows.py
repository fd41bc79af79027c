"""Records of domains, and their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import RowMapping

from core.engine.policy import PolicyAction
from core.engine.verdict import Thresholds

__all__ = ["SMTP_PORT", "TOLD", "Domain", "Downstream", "Policy", "of", "row_of"]

SMTP_PORT = 25
_OVERRIDES = "overrides_recipients"
"""Kept among the settings: few domains have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downstream:
    """A mail server behind the filter. Lower priority first; among equals by weight (as in RFC 2782)."""

    host: str
    port: int = SMTP_PORT
    priority: int = 10
    weight: int = 0

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What becomes of mail above the thresholds. An empty header name or value is the engine's own.

    With `overrides_recipients` it holds for those too who want no filtering.
    """

    action: PolicyAction = "quarantine"
    thresholds: Thresholds = field(default_factory=Thresholds)
    header_name: str = ""
    header_value: str = ""
    overrides_recipients: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain whose mail is filtered.

    `number` is the id for dialects that want an integer. `status` is pending, active or suspended.
    Of `aliases`, `pending_aliases` are those of which nobody proved yet whose they are: they take no mail.
    `downstreams` are tried in the given order. `api_key_id` is the key that alone sees it. With
    `mailboxes_complete` the mailboxes, forwarders and catch-all that are kept here are all addresses there
    are. `settings` is what single vendors' forms keep beside (`core.dialects`).
    """

    id: str
    number: int
    tenant: str
    name: str
    direction: str = "inbound"
    active: bool = True
    status: str = "active"
    verified: bool = False
    verified_ms: int | None = None
    verify_token: str = field(default="", repr=False)
    admins: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    pending_aliases: tuple[str, ...] = ()
    downstreams: tuple[Downstream, ...] = ()
    subscription: str | None = None
    customer_id: str | None = None
    organization_id: str | None = None
    api_key_id: str | None = None
    mail_hosting: bool = True
    mailboxes_complete: bool = False
    policy: Policy = field(default_factory=Policy)
    settings: Mapping[str, Any] = field(default_factory=dict)
    dkim_active: bool = False
    dmarc_reporting: bool = False
    tenant_number: int | None = None
    created_ms: int
    updated_ms: int

    @property
    def thresholds(self) -> Thresholds:
        return self.policy.thresholds

    @property
    def real_mx_host(self) -> str | None:
        """The first server behind the filter: its host, with the port where that is not 25."""
        if not self.downstreams:
            return None
        first = self.downstreams[0]
        return first.host if first.port == SMTP_PORT else first.address

    @property
    def takes_mail(self) -> bool:
        """Whether mail for it is filtered and sent on now."""
        return self.active and self.status == "active"


TOLD: Final = (
    "id",
    "number",
    "name",
    "direction",
    "active",
    "status",
    "verified",
    "real_mx_host",
    "subscription",
    "customer_id",
    "organization_id",
    "api_key_id",
    "mail_hosting",
    "mailboxes_complete",
    "dkim_active",
    "dmarc_reporting",
    "tenant_number",
)
"""What events, the audit log and the API tell as it is; a field that is not named here stays inside."""
_COLUMNS: Final = (*TOLD, "tenant", "verified_ms", "verify_token", "created_ms", "updated_ms")
_GIVEN: Final = tuple(name for name in _COLUMNS if name != "real_mx_host")
"""Without the one that follows from the servers."""


def of(row: RowMapping, servers: Sequence[Downstream], aliases: Mapping[str, bool]) -> Domain:
    """The record of a row and of what belongs to it; of an alias, whether it is pending."""
    settings = dict(row["settings"] or {})
    limits = Thresholds(
        tag=row["tag_threshold"], quarantine=row["quarantine_threshold"], reject=row["reject_threshold"]
    )
    policy = Policy(
        action=row["action"],
        thresholds=limits,
        header_name=row["tag_header"],
        header_value=row["tag_header_value"],
        overrides_recipients=bool(settings.pop(_OVERRIDES, False)),
    )
    return Domain(
        admins=tuple(row["admins"] or ()),
        aliases=tuple(aliases),
        pending_aliases=tuple(name for name, pending in aliases.items() if pending),
        downstreams=tuple(servers),
        policy=policy,
        settings=settings,
        **{name: row[name] for name in _GIVEN},
    )


def row_of(domain: Domain) -> dict[str, Any]:
    """The row of a record, aliases and downstream servers aside."""
    limits = domain.policy.thresholds
    return {
        "admins": list(domain.admins),
        "action": domain.policy.action,
        "tag_threshold": limits.tag,
        "quarantine_threshold": limits.quarantine,
        "reject_threshold": limits.reject,
        "tag_header": domain.policy.header_name,
        "tag_header_value": domain.policy.header_value,
        "settings": {**domain.settings, **({_OVERRIDES: True} if domain.policy.overrides_recipients else {})},
        **{name: getattr(domain, name) for name in _COLUMNS},
    }
