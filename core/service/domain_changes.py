"""What may be said of a domain, checked, and how a change becomes the new record. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from msgspec import UNSET, UnsetType

from core.engine.policy import PolicyAction
from core.engine.verdict import Thresholds
from core.service.domain_text import checked_address, checked_server, server_named
from core.store.domains import Domain, Downstream, Policy
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["MAX_ADMINS", "MAX_DOWNSTREAMS", "DomainChange", "PolicyChange", "applied"]

MAX_DOWNSTREAMS: Final = 10
MAX_ADMINS: Final = 100
_MOST_SCORE: Final = 1000.0
_MOST_HEADER: Final = 76
_MOST_VALUE: Final = 200
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_OWNED: Final = frozenset(
    {
        *("from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "received"),
        *("return-path", "content-type", "content-transfer-encoding", "mime-version", "dkim-signature"),
        *("authentication-results", "in-reply-to", "references"),
    }
)
"""Headers that a message lives by: a mark may not take their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What is to become different in a policy; what is UNSET stays. An empty header is the engine's own."""

    action: PolicyAction | UnsetType = UNSET
    tag: float | UnsetType = UNSET
    quarantine: float | UnsetType = UNSET
    reject: float | UnsetType = UNSET
    header_name: str | UnsetType = UNSET
    header_value: str | UnsetType = UNSET
    overrides_recipients: bool | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainChange:
    """What is to become different in a domain, or what a new one has; what is UNSET stays.

    `real_mx_host` (a host, or `host:port`) is the one server behind the filter: it takes the place of all
    `downstreams`, and None leaves none. `status` may be active or suspended. `aliases` are those of a new or
    overwritten domain; afterwards they come and go one by one.
    """

    direction: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    status: str | UnsetType = UNSET
    real_mx_host: str | UnsetType | None = UNSET
    downstreams: Sequence[Downstream] | UnsetType = UNSET
    admins: Sequence[str] | UnsetType = UNSET
    aliases: Sequence[str] | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET
    customer_id: str | UnsetType | None = UNSET
    organization_id: str | UnsetType | None = UNSET
    mail_hosting: bool | UnsetType = UNSET
    mailboxes_complete: bool | UnsetType = UNSET
    policy: PolicyChange = field(default_factory=PolicyChange)
    settings: Mapping[str, Any] | UnsetType = UNSET
    dkim_active: bool | UnsetType = UNSET
    dmarc_reporting: bool | UnsetType = UNSET
    tenant_number: int | UnsetType | None = UNSET


_PLAIN: Final = (
    "active",
    "subscription",
    "customer_id",
    "organization_id",
    "mail_hosting",
    "mailboxes_complete",
    "dkim_active",
    "dmarc_reporting",
    "tenant_number",
)


def applied(domain: Domain, change: DomainChange, *, hostname: str = "", must_verify: bool = False) -> Domain:
    """The record after the change; aliases are not looked at.

    `hostname` is this filter's own name, which mail may not be sent on to. With `must_verify` no domain
    becomes active that was not verified.
    Raises `ValidationFailed` naming the field, `Conflict` for a status that only a verification gives.
    """
    values: dict[str, Any] = {name: getattr(change, name) for name in _PLAIN}
    values |= {"status": _status(domain, change.status, must_verify=must_verify)}
    values |= {"direction": _direction(change.direction)}
    values |= {"downstreams": _downstreams(change, hostname), "admins": _admins(change.admins)}
    given = {name: value for name, value in values.items() if value is not UNSET}
    if change.settings is not UNSET:
        given["settings"] = dict(change.settings)
    return replace(domain, policy=_policy(domain.policy, change.policy), **given)


def _status(domain: Domain, wanted: str | UnsetType, *, must_verify: bool) -> str | UnsetType:
    if wanted is UNSET or wanted == domain.status:
        return UNSET
    if wanted not in ("active", "suspended"):
        raise ValidationFailed.of("status", "active or suspended")
    unproven = domain.status == "pending" or (must_verify and not domain.verified)
    if wanted == "active" and unproven:
        raise Conflict(f"{domain.name} is pending until it is verified: POST .../verify says what is missing")
    return wanted


def _direction(wanted: str | UnsetType) -> str | UnsetType:
    if wanted is not UNSET and wanted not in ("inbound", "outbound", "both"):
        raise ValidationFailed.of("direction", "inbound, outbound or both")
    return wanted


def _downstreams(change: DomainChange, hostname: str) -> tuple[Downstream, ...] | UnsetType:
    if change.real_mx_host is not UNSET and change.downstreams is not UNSET:
        raise ValidationFailed.of("real_mx_host", "give this or downstream_addresses, not both")
    if change.real_mx_host is not UNSET:
        if change.real_mx_host is None:
            return ()
        named = server_named(change.real_mx_host, field="real_mx_host")
        return (checked_server(named, hostname, field="real_mx_host"),)
    if change.downstreams is UNSET:
        return UNSET
    if len(change.downstreams) > MAX_DOWNSTREAMS:
        raise ValidationFailed.of("downstream_addresses", f"at most {MAX_DOWNSTREAMS}")
    found = tuple(
        checked_server(each, hostname, field=f"downstream_addresses.{place}")
        for place, each in enumerate(change.downstreams)
    )
    if len({(each.host, each.port) for each in found}) < len(found):
        raise ValidationFailed.of("downstream_addresses", "the same host and port stand there twice")
    return found


def _admins(wanted: Sequence[str] | UnsetType) -> tuple[str, ...] | UnsetType:
    if wanted is UNSET:
        return UNSET
    if len(wanted) > MAX_ADMINS:
        raise ValidationFailed.of("admins", f"at most {MAX_ADMINS}")
    found = (checked_address(each, field=f"admins.{place}") for place, each in enumerate(wanted))
    return tuple(dict.fromkeys(found))


def _policy(policy: Policy, change: PolicyChange) -> Policy:
    given = {each.name: getattr(change, each.name) for each in fields(change)}
    given = {name: value for name, value in given.items() if value is not UNSET}
    limits = {
        name: _score(name, given.pop(name)) for name in ("tag", "quarantine", "reject") if name in given
    }
    if given.get("action", policy.action) not in ("block", "flag", "quarantine", "tag"):
        raise ValidationFailed.of("policy.action", "block, flag, quarantine or tag")
    _check_header(given)
    return replace(policy, thresholds=_ordered(replace(policy.thresholds, **limits)), **given)


def _score(name: str, value: float) -> float:
    if not math.isfinite(value) or not 0 <= value <= _MOST_SCORE:
        raise ValidationFailed.of(f"policy.{name}_threshold", f"a score from 0 to {_MOST_SCORE:g}")
    return float(value)


def _ordered(limits: Thresholds) -> Thresholds:
    if limits.tag > limits.quarantine:
        raise ValidationFailed.of(
            "policy.tag_threshold", f"{limits.tag:g} is above quarantine_threshold {limits.quarantine:g}"
        )
    if limits.quarantine > limits.reject:
        raise ValidationFailed.of(
            "policy.quarantine_threshold",
            f"{limits.quarantine:g} is above reject_threshold {limits.reject:g}",
        )
    return limits


def _check_header(given: Mapping[str, Any]) -> None:
    name, value = given.get("header_name", ""), given.get("header_value", "")
    if name and (len(name) > _MOST_HEADER or not _HEADER.fullmatch(name) or name.lower() in _OWNED):
        raise ValidationFailed.of(
            "policy.header_name",
            f"letters, digits and -, at most {_MOST_HEADER}, and none that a message has of itself: X-Spam",
        )
    if value and (len(value) > _MOST_VALUE or not _VALUE.fullmatch(value)):
        raise ValidationFailed.of("policy.header_value", f"printable ASCII, at most {_MOST_VALUE} characters")
