"""Domains and what belongs to one: aliases, downstream servers, lists, recipients."""

from core.store.tables.base import (
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
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

__all__ = ["domain_aliases", "domain_downstreams", "domains", "list_items", "recipients", "removed_ties"]

domains = Table(
    "domains",
    metadata,
    ident(),
    Column("number", Integer, nullable=False, unique=True),  # the id of dialects that want an integer
    tenant(),
    Column("name", String, nullable=False, unique=True),  # lower case, A-labels
    string("direction"),
    flag("active", default=True),
    string("status"),  # pending, active, suspended
    flag("verified"),
    ms("verified_ms", null=True),
    note("verify_token"),
    string("real_mx_host", null=True),
    json("admins"),  # addresses
    string("subscription", null=True),
    string("customer_id", null=True),
    string("organization_id", null=True),
    string("api_key_id", null=True),  # the key that alone sees this domain
    flag("mail_hosting", default=True),
    flag("mailboxes_complete"),  # what is kept here are all addresses that there are
    string("action"),  # what mail above the thresholds meets: block, flag, quarantine, tag
    Column("tag_threshold", Float, nullable=False),
    Column("quarantine_threshold", Float, nullable=False),
    Column("reject_threshold", Float, nullable=False),
    note("tag_header"),
    note("tag_header_value"),
    json("settings"),
    flag("dkim_active"),
    flag("dmarc_reporting"),
    number("tenant_number", null=True),
    ms("created_ms"),
    ms("updated_ms"),
    CheckConstraint("tag_threshold <= quarantine_threshold", name="tag_first"),
    Index(None, "tenant", "name"),
    Index(None, "tenant", "created_ms", "id"),
    Index(None, "tenant", "api_key_id"),
    Index(None, "tenant", "subscription"),
    Index(None, "tenant", "organization_id"),
)

removed_ties = Table(
    "removed_ties",
    metadata,
    Column("name", String, primary_key=True),  # of a domain that is gone: what happened to it stays
    tenant(),
    string("api_key_id"),  # the key that it was tied to
    Index(None, "tenant", "api_key_id"),
)

domain_aliases = Table(
    "domain_aliases",
    metadata,
    Column("name", String, primary_key=True),
    tenant(),
    string("domain"),
    flag("pending"),  # nobody proved yet whose the name is: it stands for nothing
    ms("created_ms"),
    Index(None, "domain"),
)

domain_downstreams = Table(
    "domain_downstreams",
    metadata,
    string("domain"),
    Column("position", Integer, nullable=False),
    tenant(),
    string("host"),
    Column("port", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    PrimaryKeyConstraint("domain", "position"),
)

list_items = Table(
    "list_items",
    metadata,
    ident(),
    tenant(),
    string("tier"),  # account, domain, user
    note("owner"),  # nothing, the domain, the address
    note("domain"),  # of the owner, for grants; nothing at account level
    string("kind"),  # allow, block
    string("type"),  # address, domain, subdomains, ip, cidr, wildcard
    string("item"),
    note("note"),
    ms("expires_ms", null=True),
    note("created_by"),
    ms("created_ms"),
    UniqueConstraint("tenant", "tier", "owner", "kind", "item"),
    Index(None, "tenant", "created_ms", "id"),
    Index(None, "tenant", "tier", "owner", "created_ms", "id"),
    Index(None, "tenant", "domain"),
    Index(None, "expires_ms"),
)

recipients = Table(
    "recipients",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("email"),
    flag("admin"),
    string("filter"),  # true, false, compute
    ms("created_ms"),
    ms("updated_ms"),
    UniqueConstraint("tenant", "email"),
    Index(None, "tenant", "domain", "created_ms", "id"),
)
