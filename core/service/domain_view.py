"""A domain as events and the audit log tell of it, and the version that a caller saw."""

import hashlib
from typing import Any

import orjson

from core.audit.entry import Resource
from core.service.by import Deed
from core.store.domains import Domain, Policy
from hub.web.errors import PreconditionFailed

__all__ = ["as_data", "check_version", "deed_of", "differing", "version_of"]


def as_data(domain: Domain) -> dict[str, Any]:
    """Everything but the verification token; scores as they are."""
    plain = {name: getattr(domain, name) for name in _PLAIN}
    servers = [
        {"host": each.host, "port": each.port, "priority": each.priority, "weight": each.weight}
        for each in domain.downstreams
    ]
    return {
        **plain,
        "admins": list(domain.admins),
        "aliases": list(domain.aliases),
        "downstream_addresses": servers,
        "policy": _policy(domain.policy),
        "settings": dict(domain.settings),
    }


def differing(before: Domain, after: Domain) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was and what is, of the fields that differ."""
    old, new = as_data(before), as_data(after)
    names = [name for name in old if old[name] != new[name]]
    return {name: old[name] for name in names}, {name: new[name] for name in names}


def deed_of(
    action: str, domain: Domain, before: Domain | None = None, after: Domain | None = None, reason: str = ""
) -> Deed:
    """What is put on record about a domain. The event has the action's name; its data is the whole record,
    and of a change the names of the fields as well.
    """
    data: dict[str, Any] = as_data(domain)
    old: dict[str, Any] | None = None if before is None else as_data(before)
    new: dict[str, Any] | None = None if after is None else as_data(after)
    if before is not None and after is not None:
        old, new = differing(before, after)
        data["changed"] = sorted(new)
    resource = Resource(type="domain", id=domain.name, domain=domain.name)
    return Deed(
        action=action, resource=resource, before=old, after=new, reason=reason, event=action, data=data
    )


def version_of(domain: Domain) -> str:
    """Another one after every change: an entity tag without its quotes (RFC 9110 section 8.8.3)."""
    told = orjson.dumps([as_data(domain), domain.updated_ms], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(told).hexdigest()[:32]


def check_version(domain: Domain, if_match: str | None) -> None:
    """Whether the caller saw this record last; `if_match` is the header (RFC 9110 section 13.1.1), or None.

    Raises `PreconditionFailed`.
    """
    if if_match is None or if_match.strip() == "*":
        return
    given = {each.strip().strip('"') for each in if_match.split(",")}
    if version_of(domain) not in given:
        raise PreconditionFailed(f"{domain.name} has changed since: read it again, then send your change")


_PLAIN = (
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
    "dkim_active",
    "dmarc_reporting",
    "tenant_number",
)


def _policy(policy: Policy) -> dict[str, Any]:
    limits = policy.thresholds
    return {
        "action": policy.action,
        "tag_threshold": limits.tag,
        "quarantine_threshold": limits.quarantine,
        "reject_threshold": limits.reject,
        "header_name": policy.header_name,
        "header_value": policy.header_value,
        "overrides_recipients": policy.overrides_recipients,
    }
