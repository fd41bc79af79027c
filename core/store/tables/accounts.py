"""Customers, their organizations and subscriptions, login links. Keys and people are `hub.access`'s."""

from core.store.tables.base import (
    Column,
    Index,
    String,
    Table,
    flag,
    ident,
    json,
    metadata,
    ms,
    note,
    string,
    tenant,
)

__all__ = ["customers", "login_links", "organizations", "subscriptions"]

customers = Table(
    "customers",
    metadata,
    ident(),
    tenant(),
    string("name"),
    note("email"),
    string("status"),  # active, suspended
    json("settings"),
    ms("created_ms"),
    ms("updated_ms"),
    Index(None, "tenant", "created_ms", "id"),
)

organizations = Table(
    "organizations",
    metadata,
    ident(),
    tenant(),
    note("customer_id"),
    string("name"),
    ms("created_ms"),
    Index(None, "tenant", "created_ms", "id"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("handle", String, primary_key=True),
    tenant(),
    note("customer_id"),
    string("plan"),
    json("limits"),
    flag("active", default=True),
    ms("created_ms"),
    ms("updated_ms"),
    Index(None, "tenant", "created_ms", "handle"),
)

login_links = Table(
    "login_links",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    Column("token_hash", String, nullable=False, unique=True),
    note("created_by"),  # the key that asked for it: the session that it opens ends with that key
    ms("created_ms"),
    ms("expires_ms"),
    ms("used_ms", null=True),
    note("used_ip"),
    Index(None, "tenant", "created_ms", "id"),
    Index(None, "expires_ms"),
)
