"""The tables of keys and people, on a metadata of their own: hub and core both open them."""

from sqlalchemy import Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table

from hub.sql.columns import NAMING, String, flag, ident, json, ms, note, number, string, tenant

__all__ = ["accounts", "delegations", "keys", "metadata", "once", "recovery_codes", "sessions", "tenants"]

metadata = MetaData(naming_convention=NAMING)

tenants = Table(
    "access_tenants",
    metadata,
    ident("tenant"),
    string("plan"),
    json("limits"),  # figures in place of the plan's
)

keys = Table(
    "access_keys",
    metadata,
    Column("number", Integer, primary_key=True),  # the id of dialects that want an integer
    Column("id", String, nullable=False, unique=True),
    tenant(),
    note("description"),
    Column("hash", String, nullable=False, unique=True),
    string("prefix"),
    json("grants"),
    flag("allow_key_admin"),
    string("plan", null=True),  # none = the tenant's
    json("limits"),
    note("created_by"),
    ms("created_ms"),
    ms("expires_ms", null=True),
    ms("last_used_ms", null=True),
    ms("revoked_ms", null=True),
    Index(None, "tenant", "created_ms", "id"),
    sqlite_autoincrement=True,  # the number of a deleted key is never another's
)

accounts = Table(
    "access_accounts",
    metadata,
    ident(),
    tenant(),
    Column("login", String, nullable=False, unique=True),  # an address, in lower case
    note("name"),
    flag("admin"),
    flag("active", default=True),
    string("password", null=True),  # none = signs in elsewhere
    string("totp", null=True),  # the sealed secret
    flag("totp_proven"),
    number("totp_step", null=True),  # of the last code that was used
    string("issuer", null=True),
    string("subject", null=True),
    ms("created_ms"),
    ms("updated_ms"),
    Index(None, "tenant", "created_ms", "id"),
    Index(None, "issuer", "subject", unique=True),
)

recovery_codes = Table(
    "access_recovery_codes",
    metadata,
    string("account_id"),
    string("hash"),
    PrimaryKeyConstraint("account_id", "hash"),
)

sessions = Table(
    "access_sessions",
    metadata,
    ident("hash"),
    tenant(),
    string("account_id", null=True),
    string("key_id", null=True),  # of the key that made the link; the session ends with it
    json("grants", null=True),  # of a session without an account
    note("ip"),
    note("agent"),
    ms("created_ms"),
    ms("seen_ms"),
    ms("expires_ms"),
    Index(None, "account_id"),
    Index(None, "key_id"),
    Index(None, "expires_ms"),
)

once = Table(
    "access_once",
    metadata,
    ident("hash"),  # of a text that is taken once
    string("purpose"),
    json("data"),
    ms("expires_ms"),
    Index(None, "expires_ms"),
)

delegations = Table(
    "access_delegations",
    metadata,
    string("account_id"),
    tenant(),
    json("grants"),
    ms("updated_ms"),
    PrimaryKeyConstraint("account_id"),
)
