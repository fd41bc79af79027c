"""What an audit entry says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.store.clock import iso_millis

__all__ = ["Actor", "ActorType", "Change", "Entry", "Resource", "Result"]

ActorType = Literal["user", "api_key", "system"]
Result = Literal["success", "failure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it. `key_prefix` are the first 20 characters of the API key, where one was used."""

    type: ActorType
    id: str
    key_prefix: str = ""
    ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What it was done to; `domain` says whose, for grants. Of what there is only one, `id` is empty."""

    type: str
    id: str
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened, before it has a place in the chain.

    `before` and `after` hold what differs, as JSON data; secrets in them are masked when it is written.
    `details` is what else there is to say.
    """

    actor: Actor
    action: str
    resource: Resource
    result: Result = "success"
    reason: str = ""
    request_id: str = ""
    before: Any = None
    after: Any = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of the chain. `sealed` says whether its HMAC still holds; the whole chain is `verify`'s."""

    id: str
    tenant: str
    seq: int
    node_id: str
    at_ms: int
    actor: Actor
    action: str
    resource: Resource
    result: str
    reason: str
    request_id: str
    before: Any
    after: Any
    details: dict[str, Any]
    prev_hash: str
    hash: str
    sealed: bool

    @classmethod
    def of(cls, row: Mapping[Any, Any], *, sealed: bool) -> "Entry":
        """From a row of `audit_entries`."""
        same = {name: row[name] for name in _SAME}
        actor = Actor(type=row["actor_type"], id=row["actor"], key_prefix=row["key_prefix"], ip=row["ip"])
        kind = row["resource_type"]
        thing = Resource(type=kind, id=row["resource"][len(kind) + 1 :], domain=row["domain"])
        return cls(**same, actor=actor, resource=thing, sealed=sealed)

    def as_dict(self) -> dict[str, Any]:
        """As the API shows and the export writes it."""
        return {
            "id": self.id,
            "seq": self.seq,
            "timestamp": iso_millis(self.at_ms),
            "node_id": self.node_id,
            "actor": {
                "type": self.actor.type,
                "id": self.actor.id,
                "key_prefix": self.actor.key_prefix or None,
                "ip": self.actor.ip or None,
            },
            "action": self.action,
            "resource": {
                "type": self.resource.type,
                "id": self.resource.id,
                "domain": self.resource.domain or None,
            },
            "result": self.result,
            "reason": self.reason or None,
            "request_id": self.request_id or None,
            "changes": {"before": self.before, "after": self.after},
            "details": self.details,
            "prev_hash": self.prev_hash,
            "hash": self.hash,
            "integrity": "ok" if self.sealed else "violation",
        }


_SAME = (
    *("id", "tenant", "seq", "node_id", "at_ms", "action", "result", "reason", "request_id"),
    *("before", "after", "details", "prev_hash", "hash"),
)
