"""What was found in the DNS, what is wanted there, and what receivers report (DMARC)."""

from core.store.migrations.schema_2.base import (
    Column,
    Index,
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
)

__all__ = ["dmarc_policies", "dmarc_records", "dmarc_reports", "dns_snapshots"]

dns_snapshots = Table(
    "dns_snapshots",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("kind"),  # health, setup, scan
    string("overall"),  # healthy, degraded, unhealthy, unknown
    json("checks"),
    ms("at_ms"),
    Index(None, "tenant", "domain", "kind", "at_ms", "id"),
    Index(None, "tenant", "at_ms", "id"),
)

dmarc_policies = Table(
    "dmarc_policies",
    metadata,
    Column("domain", String, primary_key=True),
    tenant(),
    string("record"),
    ms("updated_ms"),
)

dmarc_reports = Table(
    "dmarc_reports",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("home"),  # the domain here that it belongs to: the same, or the nearest above it
    string("organization"),
    note("contact"),
    string("report_id"),
    string("format"),  # rfc7489, rfc9990
    json("policy"),
    count("messages"),
    count("passed"),
    note("sha256"),
    ms("begin_ms"),
    ms("end_ms"),
    ms("received_ms"),
    UniqueConstraint("tenant", "domain", "organization", "report_id"),
    Index(None, "tenant", "received_ms", "id"),
    Index(None, "tenant", "home", "received_ms", "id"),
    Index(None, "tenant", "home", "begin_ms"),
)

dmarc_records = Table(
    "dmarc_records",
    metadata,
    ident(),
    tenant(),
    string("report"),  # dmarc_reports.id
    string("source_ip"),
    number("messages"),
    string("disposition"),
    string("dkim"),
    string("spf"),
    string("header_from"),
    note("envelope_from"),
    json("details"),
    Index(None, "report", "id"),
    Index(None, "tenant", "source_ip"),
)
