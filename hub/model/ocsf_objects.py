"""OCSF 1.8 objects that our events carry (schema.ocsf.io/1.8.0/objects); unset attributes do not travel."""

from typing import Any

import msgspec

__all__ = [
    "Actor",
    "Analytic",
    "Api",
    "Compliance",
    "Device",
    "Email",
    "EmailAuth",
    "Endpoint",
    "Evidence",
    "FindingInfo",
    "Fingerprint",
    "ManagedEntity",
    "Metadata",
    "Observable",
    "Policy",
    "Product",
    "Resource",
    "Service",
    "User",
]


class _Object(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Base of all: what is not set does not travel."""


class Product(_Object):
    """The software that reported; also the `app` of application_lifecycle. Needs `name` or `uid`."""

    name: str | None = None
    vendor_name: str | None = None
    version: str | None = None
    uid: str | None = None


class Metadata(_Object):
    """A mapper sets the vendor's part, a builder version and profiles, `normalise` the rest."""

    version: str | None = None
    profiles: list[str] | None = None
    product: Product | None = None
    uid: str | None = None
    """Our event id, 32 hexadecimal digits."""
    tenant_uid: str | None = None
    event_code: str | None = None
    log_provider: str | None = None
    logged_time: int | None = None
    """When we took it in, epoch milliseconds."""
    original_event_uid: str | None = None
    """The vendor's id of the event."""
    original_time: str | None = None
    """The vendor's time as it was written."""
    correlation_uid: str | None = None
    """Common to all events about one vendor object, e.g. `quarantine/node-1/4F2A8C0D`."""
    labels: list[str] | None = None


class User(_Object):
    """Needs `name` or `uid`."""

    name: str | None = None
    uid: str | None = None
    type: str | None = None
    type_id: int | None = None
    email_addr: str | None = None


class Actor(_Object):
    """Needs `user` or `app_name`."""

    user: User | None = None
    app_name: str | None = None
    app_uid: str | None = None


class Device(_Object):
    """Needs `hostname`, `ip`, `name` or `uid`. `type_id` 1 = server, 0 = unknown."""

    type_id: int
    type: str | None = None
    hostname: str | None = None
    ip: str | None = None
    name: str | None = None
    uid: str | None = None


class Endpoint(_Object):
    """OCSF network_endpoint; needs one of its attributes."""

    ip: str | None = None
    hostname: str | None = None
    name: str | None = None
    domain: str | None = None
    port: int | None = None


class Email(_Object, rename={"from_": "from"}):
    """Header view of a message; needs `from` or `to`. Addresses are checked by `hub.model.addresses`."""

    from_: str | None = None
    to: list[str] | None = None
    cc: list[str] | None = None
    subject: str | None = None
    message_uid: str | None = None
    """Message-ID."""
    size: int | None = None
    from_mailbox: str | None = None
    """The sender as it was written, for what is no plain address."""
    to_mailboxes: list[str] | None = None


class EmailAuth(_Object):
    """Free strings as the vendor said them: pass, fail, none, ..."""

    spf: str | None = None
    dkim: str | None = None
    dkim_domain: str | None = None
    dmarc: str | None = None
    dmarc_policy: str | None = None


class Fingerprint(_Object):
    """A digest. `algorithm_id` 3 = SHA-256."""

    algorithm_id: int
    value: str
    algorithm: str | None = None


class Analytic(_Object):
    """What found it. `type_id` 1 = rule, 3 = statistical."""

    type_id: int
    type: str | None = None
    name: str | None = None
    uid: str | None = None


class FindingInfo(_Object):
    uid: str
    title: str | None = None
    desc: str | None = None
    types: list[str] | None = None
    analytic: Analytic | None = None
    first_seen_time: int | None = None
    last_seen_time: int | None = None


class Compliance(_Object):
    """`status_id` 1 = pass, 2 = warning, 3 = fail."""

    status_id: int
    status: str | None = None
    control: str | None = None
    desc: str | None = None
    requirements: list[str] | None = None
    status_details: list[str] | None = None


class Evidence(_Object):
    """Needs one of its attributes beside `name`."""

    name: str | None = None
    src_endpoint: Endpoint | None = None
    email: Email | None = None
    data: Any = None


class Service(_Object):
    """Needs `name` or `uid`."""

    name: str | None = None
    uid: str | None = None


class Api(_Object):
    operation: str
    service: Service | None = None
    version: str | None = None


class Policy(_Object):
    """Needs `name`, `type` or `uid`."""

    name: str | None = None
    type: str | None = None
    uid: str | None = None


class ManagedEntity(_Object):
    """What entity_management is about. `type_id` 2 user, 5 policy, 6 email, 99 other (see `type`)."""

    type_id: int
    type: str | None = None
    name: str | None = None
    uid: str | None = None
    data: Any = None
    policy: Policy | None = None


class Resource(_Object):
    """OCSF resource_details; needs `name` or `uid`."""

    name: str | None = None
    uid: str | None = None
    type: str | None = None


class Observable(_Object):
    """Something to search for: `name` is the attribute's path in the event."""

    type_id: int
    name: str
    value: str
    type: str | None = None
