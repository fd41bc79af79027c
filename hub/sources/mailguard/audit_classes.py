"""Which OCSF class and activity an entry of the audit log is: rules by its resource and its verb."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.model.ocsf import (
    OcsfEvent,
    account_change,
    api_activity,
    application_lifecycle,
    authentication,
    entity_management,
)
from hub.model.ocsf_classes import OTHER
from hub.model.ocsf_objects import Actor, Api, Endpoint, ManagedEntity, Resource, Service, User
from hub.sdk.payload import Fields
from hub.sources.mailguard.envelope import PRODUCT

__all__ = ["FAILURE", "Entry", "event_of"]

_SUCCESS, FAILURE = 1, 2
_AUTH_RESOURCES = {"auth", "login", "session", "totp"}
_ACCOUNT_RESOURCES = {"user", "admin", "account", "role", "api_key", "apikey", "token", "api_token"}
_KEY_RESOURCES = {"api_key", "apikey", "token", "api_token"}
_KEY_USES = {"use", "used", "rejected", "denied", "auth", "rate_limited", "rate_limit"}
_ENTITY_RESOURCES = {
    "domain": "Domain", "filter": "Filter", "rule": "Rule", "rbl": "RBL", "dkim": "DKIM key",
    "dmarc": "DMARC policy", "allowlist": "Allow list", "blocklist": "Block list", "policy": "Policy",
}  # fmt: skip
_APP_RESOURCES = {"license", "licence", "settings"}
_POLICY = 5
_VERBS = {
    1: ("create", "created", "add", "added", "issue", "join", "node_joined", "upload", "import"),
    2: ("read", "get", "list", "view", "export", "preview", "download", "search", "body"),
    3: ("update", "updated", "set", "change", "changed", "edit", "rotate", "enable", "disable", "release",
        "discard", "retrain", "train_ham", "train_spam", "train", "activate", "deactivate", "restore",
        "renew", "refresh"),
    4: ("delete", "deleted", "remove", "removed", "revoke", "revoked", "purge", "leave", "node_left"),
}  # fmt: skip
_CRUD = {verb: number for number, verbs in _VERBS.items() for verb in verbs}
_ACCOUNT_VERBS = {
    "create": 1, "created": 1, "enable": 2, "password_change": 3, "password_changed": 3, "password_reset": 4,
    "disable": 5, "delete": 6, "deleted": 6, "revoke": 6, "revoked": 6, "lock": 9, "locked": 9,
    "totp_enable": 10, "totp_disable": 11, "unlock": 12,
}  # fmt: skip
_ENTITY_VERBS = _CRUD | {"enable": 8, "disable": 9, "activate": 10, "deactivate": 11}


@dataclass(slots=True)
class Entry:
    """An entry of the audit log, read but for its class."""

    fields: Fields
    action: str
    noun: str
    verb: str
    resource: str
    actor: Actor | None
    source: Endpoint | None
    details: Fields
    severity_id: int
    common: dict[str, Any]


def event_of(entry: Entry) -> OcsfEvent:
    """Build the entry's event, without what is left unmapped."""
    return _class_of(entry)(entry)


def _class_of(entry: Entry) -> Callable[[Entry], OcsfEvent]:
    if entry.noun in _AUTH_RESOURCES or (entry.noun in _KEY_RESOURCES and entry.verb in _KEY_USES):
        return _authentication
    if entry.noun in _ACCOUNT_RESOURCES:
        return _account
    if entry.noun in _ENTITY_RESOURCES:
        return _entity
    return _application if entry.noun in _APP_RESOURCES else _api


def _named(entry: Entry, table: Mapping[str, int]) -> tuple[int, dict[str, Any]]:
    """The activity of the verb, or 99 with the vendor's own word; and what all classes share."""
    activity = table.get(entry.verb)
    if activity is None:
        return OTHER, {**entry.common, "activity_name": entry.action}
    return activity, entry.common


def _target(entry: Entry) -> str:
    """Whose account it is about."""
    said = entry.details.peek("username", "user", "name")
    return said if isinstance(said, str) and said else entry.resource.rpartition("/")[2] or "unknown"


def _authentication(entry: Entry) -> OcsfEvent:
    failed = entry.common.get("status_id") == FAILURE or "fail" in entry.verb or "reject" in entry.verb
    entry.common.setdefault("status_id", FAILURE if failed else _SUCCESS)
    alarming = entry.severity_id > 1
    outcome = (2, 2 if alarming else 26) if failed else (1, 1)
    leaving = entry.verb in {"logout", "logoff"}
    logging_in = entry.verb.startswith(("login", "logon")) or entry.noun in _KEY_RESOURCES
    activity = 2 if leaving else 1 if logging_in else OTHER
    common = entry.common if activity != OTHER else {**entry.common, "activity_name": entry.action}
    user = entry.actor.user if entry.actor and entry.actor.user else User(name=_target(entry))
    return authentication(
        activity,
        severity_id=max(entry.severity_id, 2 if failed else 1),
        user=user,
        service=Service(name="MailGuard"),
        src_endpoint=entry.source,
        action_id=outcome[0],
        disposition_id=outcome[1],
        **common,
    )


def _account(entry: Entry) -> OcsfEvent:
    activity, common = _named(entry, _ACCOUNT_VERBS)
    is_key = entry.noun in _KEY_RESOURCES
    user = User(
        name=_target(entry),
        uid=entry.resource.rpartition("/")[2] or None,
        type_id=4 if is_key else 1,
        type="Service" if is_key else "User",
    )
    return account_change(
        activity,
        severity_id=max(entry.severity_id, 2 if is_key else 1),
        user=user,
        actor=entry.actor,
        src_endpoint=entry.source,
        **common,
    )


def _entity(entry: Entry) -> OcsfEvent:
    activity, common = _named(entry, _ENTITY_VERBS)
    is_policy = entry.noun not in {"domain", "dkim"}
    entity = ManagedEntity(
        type_id=_POLICY if is_policy else OTHER,
        type=_ENTITY_RESOURCES[entry.noun] if not is_policy else "Policy",
        name=entry.resource.partition("/")[2] or entry.noun,
        uid=entry.resource or None,
    )
    return entity_management(
        activity,
        severity_id=max(entry.severity_id, 2 if activity == _CRUD["delete"] else 1),
        entity=entity,
        actor=entry.actor,
        src_endpoint=entry.source,
        **common,
    )


def _application(entry: Entry) -> OcsfEvent:
    return application_lifecycle(
        8, severity_id=entry.severity_id, app=PRODUCT, actor=entry.actor, **entry.common
    )


def _api(entry: Entry) -> OcsfEvent:
    activity, common = _named(entry, _CRUD)
    return api_activity(
        activity,
        severity_id=entry.severity_id,
        api=Api(operation=entry.action, service=Service(name="MailGuard")),
        actor=entry.actor or Actor(app_name="unknown"),
        src_endpoint=entry.source or Endpoint(name="unknown"),
        resources=[Resource(name=entry.resource, type=entry.noun)] if entry.resource else None,
        **common,
    )
