"""What all webhooks of MailGuard have in common: `{"id", "event", "timestamp", "node_id", "data": {...}}`."""

from typing import Any

from hub.model.addresses import ip_t
from hub.model.ocsf_classes import OTHER
from hub.model.ocsf_objects import Actor, Endpoint, Metadata, Product, User
from hub.sdk.payload import Fields
from hub.sdk.source import Payload
from hub.sdk.times import iso
from hub.sources.mailguard.body import EVENT_FIELDS, ID_FIELDS

__all__ = ["PRODUCT", "Envelope", "actor_of"]

PRODUCT = Product(name="MailGuard", vendor_name="NetCell")
TIME_FIELDS = ("timestamp", "time", "ts", "created_at")
_USER_TYPES = {"user": (1, None), "admin": (2, "Admin"), "system": (3, "System"), "api_key": (4, "Service")}
_SHOWN_KEY = 20
"""Characters of an API key that MailGuard itself shows."""


class Envelope:
    """A webhook, or a bare object of a poll: then `data` and `fields` are the same."""

    def __init__(self, payload: Payload) -> None:
        self.fields = Fields(payload)
        wrapped = type(payload.get("data")) is dict
        self.data = Fields(self.fields.rest.pop("data")) if wrapped else self.fields
        self.wrapped = wrapped
        self.event_id: str | None = None
        if wrapped:
            while self.fields.text(*EVENT_FIELDS):  # `type` beside `event` says the same
                pass
            self.event_id = self.fields.text(*ID_FIELDS)
        reporter = self.fields.text("node_id", "node") or ""
        self.node = (self.data.text("node_id", "node") if wrapped else None) or reporter
        if reporter != self.node:
            self.fields.leave("node_id", reporter)
        self.time, self.written_time = self.fields.time(*TIME_FIELDS) if wrapped else (None, None)

    def occurrence(self) -> str:
        """What tells this occurrence from the next of the same kind: when it happened, else the vendor's id.

        Raises `ValueError` when the payload has neither.
        """
        if self.time is not None:
            return iso(self.time)
        if self.event_id:
            return f"id:{self.event_id}"
        raise ValueError("the event has neither a timestamp nor an id")

    def metadata(self, correlation_uid: str | None = None) -> Metadata:
        return Metadata(
            product=PRODUCT,
            original_event_uid=self.event_id,
            original_time=self.written_time,
            correlation_uid=correlation_uid,
        )

    def unmapped(self) -> dict[str, Any] | None:
        """What is left of the object at the top, what is left of the wrapping under `envelope`."""
        left = self.data.unmapped() or {}
        if self.wrapped and (outer := self.fields.unmapped()):
            left["envelope"] = outer
        return left or None


def actor_of(fields: Fields) -> tuple[Actor | None, Endpoint | None]:
    """Take `actor`, an object `{"type", "name", "key_prefix", "ip"}` or a name: `(who, from where)`."""
    name = fields.text("actor", "user")
    if name is not None:
        return Actor(user=User(name=name)), None
    inner = fields.inner("actor")
    name, uid = inner.text("name", "username", "email"), inner.text("key_prefix", "id")
    kind = inner.text("type")
    ip = inner.text("ip", "ip_address")
    address = ip_t(ip) if ip else None
    if address is None:
        inner.leave("ip", ip)
    endpoint = Endpoint(ip=address) if address else None
    if not (name or uid):
        inner.leave("type", kind)
        return None, endpoint
    return Actor(user=_user(name, uid, kind)), endpoint


def _user(name: str | None, uid: str | None, kind: str | None) -> User:
    user = User(name=name, uid=uid[:_SHOWN_KEY] if uid else None)
    if kind is not None:
        user.type_id, caption = _USER_TYPES.get(kind, (OTHER, kind))
        user.type = caption or "User"
    return user
