"""Mail hosting at the provider upstream: mailboxes, forwarders, catch-all, pointers, password reset."""

from core.store.migrations.schema_2.base import (
    Column,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    flag,
    ident,
    json,
    metadata,
    ms,
    note,
    string,
    tenant,
)

__all__ = ["catch_alls", "forwarders", "mailboxes", "password_resets", "pointers"]

mailboxes = Table(
    "mailboxes",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("username"),
    Column("quota_mb", Integer, nullable=False),
    Column("send_limit", Integer, nullable=False),
    string("recovery_email", null=True),
    flag("suspended"),
    Column("used_mb", Integer, nullable=True),
    Column("sent_today", Integer, nullable=True),
    ms("created_ms"),
    ms("updated_ms"),
    UniqueConstraint("domain", "username"),
    Index(None, "tenant", "domain", "created_ms", "id"),
)

forwarders = Table(
    "forwarders",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("alias"),
    json("destinations"),
    ms("created_ms"),
    UniqueConstraint("domain", "alias"),
    Index(None, "tenant", "domain", "created_ms", "id"),
)

catch_alls = Table(
    "catch_alls",
    metadata,
    Column("domain", String, primary_key=True),
    tenant(),
    string("type"),  # fail, blackhole, address
    note("address"),
    ms("updated_ms"),
)

pointers = Table(
    "pointers",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    Column("pointer", String, nullable=False, unique=True),
    flag("alias", default=True),
    flag("pending"),  # as of domain_aliases
    ms("created_ms"),
    Index(None, "tenant", "domain"),
)

password_resets = Table(
    "password_resets",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("email"),
    Column("token_hash", String, nullable=False, unique=True),
    note("requested_ip"),
    ms("created_ms"),
    ms("expires_ms"),
    ms("used_ms", null=True),
    Index(None, "expires_ms"),
)
