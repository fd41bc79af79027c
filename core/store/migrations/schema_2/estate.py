"""What the service runs on and watches: nodes, licence, certificates, DKIM keys, reputation, alerts."""

from core.store.migrations.schema_2.base import (
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    count,
    flag,
    ident,
    json,
    metadata,
    ms,
    note,
    string,
    tenant,
)

__all__ = [
    "alert_rules",
    "alerts",
    "certificates",
    "cluster_nodes",
    "detector_states",
    "dkim_keys",
    "licences",
    "reputations",
]

cluster_nodes = Table(
    "cluster_nodes",
    metadata,
    ident(),
    string("address"),
    note("version"),
    flag("present"),
    ms("started_ms", null=True),
    ms("heartbeat_ms"),
)

licences = Table(
    "licences",
    metadata,
    ident(),  # there is one, "current"
    string("tier"),
    note("holder"),
    Column("max_domains", Integer, nullable=False),
    note("fingerprint"),  # SHA-256 of the signed file
    ms("valid_until_ms"),
    ms("refreshed_ms"),
    ms("refresh_due_ms"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("serial", String, primary_key=True),
    tenant(),
    note("source"),  # the file, or host:port
    string("subject"),
    string("issuer"),
    note("sha256"),
    ms("not_before_ms", null=True),
    ms("not_after_ms"),
    flag("warned"),
    Index(None, "not_after_ms"),
)

dkim_keys = Table(
    "dkim_keys",
    metadata,
    string("domain"),
    string("selector"),
    tenant(),
    note("public_key"),
    ms("created_ms"),
    ms("retired_ms", null=True),
    flag("warned"),
    PrimaryKeyConstraint("domain", "selector"),
    Index(None, "tenant", "created_ms"),
)

reputations = Table(
    "reputations",
    metadata,
    tenant(),
    string("ip"),
    Column("score", Float, nullable=False),
    count("messages"),
    flag("listed"),
    ms("updated_ms"),
    PrimaryKeyConstraint("tenant", "ip"),
    Index(None, "tenant", "listed"),
)

alert_rules = Table(
    "alert_rules",
    metadata,
    ident(),
    tenant(),
    note("name"),
    string("type"),
    note("domain"),  # nothing: every domain
    Column("threshold", Float, nullable=True),
    string("frequency"),
    json("settings"),
    flag("enabled", default=True),
    ms("created_ms"),
    ms("updated_ms"),
    Index(None, "tenant", "created_ms", "id"),
)

alerts = Table(
    "alerts",
    metadata,
    ident(),
    tenant(),
    note("rule"),  # alert_rules.id
    string("type"),
    note("domain"),
    string("state"),  # triggered, resolved
    string("severity"),
    note("message"),
    json("details"),
    ms("at_ms"),
    ms("resolved_ms", null=True),
    Index(None, "tenant", "at_ms", "id"),
    Index(None, "tenant", "domain", "at_ms", "id"),
    Index(None, "tenant", "state", "at_ms", "id"),
    Index(None, "rule", "state"),
)

detector_states = Table(
    "detector_states",
    metadata,
    tenant(),
    string("detector"),
    string("subject"),
    string("state"),
    json("details", null=True),
    ms("since_ms"),
    PrimaryKeyConstraint("tenant", "detector", "subject"),
)
