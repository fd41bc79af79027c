"""The audit chain, answers kept for a retried request, settings, and single values of the store."""

from core.store.tables.base import (
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    count,
    ident,
    json,
    metadata,
    ms,
    note,
    number,
    string,
    tenant,
    witness,
)

__all__ = ["audit_entries", "audit_heads", "counters", "idempotency_keys", "meta", "settings"]

audit_entries = Table(
    "audit_entries",
    metadata,
    tenant(),
    number("seq"),  # 1, 2, 3, ... per tenant
    string("id"),
    string("node_id"),
    number("number"),  # 1, 2, 3, ... per node
    ms("at_ms"),
    string("actor_type"),
    string("actor"),
    note("key_prefix"),
    note("ip"),
    string("action"),
    string("resource_type"),
    string("resource"),
    note("domain"),
    string("result"),
    note("reason"),
    note("request_id"),
    witness("details"),
    witness("before", null=True),
    witness("after", null=True),
    string("prev_hash"),
    string("hash"),
    PrimaryKeyConstraint("tenant", "seq"),
    UniqueConstraint("id"),
    UniqueConstraint("node_id", "number"),
    Index(None, "at_ms", "node_id", "number"),
    Index(None, "tenant", "at_ms", "seq"),
    Index(None, "tenant", "actor", "at_ms", "seq"),
    Index(None, "tenant", "action", "at_ms", "seq"),
    Index(None, "tenant", "domain", "at_ms", "seq"),
    Index(None, "tenant", "resource_type", "at_ms", "seq"),
    Index(None, "tenant", "resource", "at_ms", "seq"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("tenant", String, primary_key=True),
    number("seq"),  # of the last entry; locked while one is written
    string("hash"),
    count("pruned"),  # the last entry that retention removed
    note("pruned_hash"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    tenant(),
    string("principal"),
    string("key"),
    string("fingerprint"),  # of query and body: the same key for another request is refused
    Column("status", Integer, nullable=True),  # nothing while the first request is at work
    string("owner"),  # the node whose request it was
    Column("body", LargeBinary, nullable=True),  # sealed
    ms("created_ms"),
    ms("expires_ms"),
    PrimaryKeyConstraint("tenant", "principal", "key"),
    Index(None, "expires_ms"),
)

settings = Table(
    "settings",
    metadata,
    tenant(),
    string("name"),
    json("value"),
    ms("updated_ms"),
    PrimaryKeyConstraint("tenant", "name"),
)

counters = Table(
    "counters",
    metadata,
    ident("name"),
    number("value"),
)

meta = Table(
    "meta",
    metadata,
    ident("key"),
    string("value"),
)
