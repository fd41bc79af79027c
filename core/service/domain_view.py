"""A domain as events and the audit log tell of it, and the version that a caller saw."""

import hashlib
from dataclasses import asdict
from typing import Any

import orjson

from core.audit.entry import Resource
from core.service.by import Deed
from core.store.domain_rows import TOLD, Domain, Policy
from hub.web.errors import PreconditionFailed

__all__ = ["as_data", "check_version", "deed_of", "differing", "policy_data", "version_of"]


def as_data(domain: Domain) -> dict[str, Any]:
    """Everything but the verification token; scores as they are."""
    plain = {name: getattr(domain, name) for name in TOLD}
    return {
        **plain,
        "admins": list(domain.admins),
        "aliases": list(domain.aliases),
        "pending_aliases": list(domain.pending_aliases),
        "downstream_addresses": [asdict(each) for each in domain.downstreams],
        "policy": policy_data(domain.policy),
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


def policy_data(policy: Policy) -> dict[str, Any]:
    """Of a domain; scores as they are."""
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
