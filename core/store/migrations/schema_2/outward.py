"""What leaves the service: events (the outbox), webhooks with their deliveries, notifications."""

from core.store.migrations.schema_2.base import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    count,
    flag,
    ident,
    json,
    metadata,
    ms,
    note,
    number,
    string,
    tenant,
)

__all__ = ["notification_targets", "outbox_events", "webhook_deliveries", "webhooks"]

outbox_events = Table(
    "outbox_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # dense and in commit order
    Column("id", String, nullable=False, unique=True),
    tenant(),
    note("name"),  # empty where only the audit log, and those who watch it, are told
    note("action"),  # of the audit entry
    note("domain"),
    note("held_by"),  # the key that the domain was tied to when it happened
    note("node_id"),
    json("data"),
    ms("at_ms"),
    Index(None, "tenant", "seq"),
)

webhooks = Table(
    "webhooks",
    metadata,
    ident(),
    tenant(),
    note("description"),
    string("url"),
    string("form"),  # standard, or a vendor's
    json("names"),  # the events that it wants
    note("key_id"),  # of who made it: what is tied to this key it gets
    flag("all_ties"),  # what is tied to any key it gets as well
    json("domains", null=True),  # it gets what is of these only
    string("secret"),  # sealed
    note("previous_secret"),  # sealed; signs too, until then
    ms("previous_until_ms", null=True),
    flag("enabled", default=True),
    note("disabled_reason"),
    number("position"),  # every event up to here it took, did not want, or was given up
    ms("failing_since_ms", null=True),
    note("last_error"),
    count("delivered"),
    count("given_up"),
    ms("created_ms"),
    ms("updated_ms"),
    Index(None, "tenant", "created_ms", "id"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    ident(),
    tenant(),
    string("webhook"),
    string("event"),  # outbox_events.id, or of a test
    string("name"),
    string("state"),  # delivered, failed, given_up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("status", Integer, nullable=True),
    note("error"),
    count("duration_ms"),
    ms("at_ms"),
    ms("updated_ms"),
    Index(None, "tenant", "webhook", "at_ms", "id"),
    Index(None, "state", "updated_ms"),
)

notification_targets = Table(
    "notification_targets",
    metadata,
    ident(),
    tenant(),
    note("name"),
    string("url"),  # sealed: it holds a secret
    note("shown"),  # what of the URL may be seen
    string("form"),  # in whose words: mxhub, or a vendor's
    json("actions"),
    json("monitors"),
    note("key_id"),  # of who made it: what is tied to this key it gets
    flag("all_ties"),  # what is tied to any key it gets as well
    json("domains", null=True),  # it gets what is of these only
    flag("enabled", default=True),
    number("position"),  # as of a webhook
    ms("failing_since_ms", null=True),
    note("last_error"),
    count("delivered"),
    count("given_up"),
    ms("created_ms"),
    ms("updated_ms"),
    Index(None, "tenant", "created_ms", "id"),
)
