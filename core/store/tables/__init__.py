"""All tables of the core, on one metadata."""

from core.store.tables.accounts import customers, login_links, organizations, subscriptions
from core.store.tables.base import metadata
from core.store.tables.dns import dmarc_policies, dmarc_records, dmarc_reports, dns_snapshots
from core.store.tables.domains import (
    domain_aliases,
    domain_downstreams,
    domains,
    list_items,
    recipients,
    removed_ties,
)
from core.store.tables.estate import (
    alert_rules,
    alerts,
    certificates,
    cluster_nodes,
    detector_states,
    dkim_keys,
    licences,
    reputations,
)
from core.store.tables.hosting import catch_alls, forwarders, mailboxes, password_resets, pointers
from core.store.tables.mail import (
    classifier_lessons,
    classifier_tokens,
    classifier_totals,
    messages,
    misclassifications,
    quarantine_bodies,
    quarantine_items,
    quarantine_recipients,
    stat_counters,
    verdicts,
)
from core.store.tables.outward import notification_targets, outbox_events, webhook_deliveries, webhooks
from core.store.tables.records import audit_entries, audit_heads, counters, idempotency_keys, meta, settings

__all__ = [
    "alert_rules",
    "alerts",
    "audit_entries",
    "audit_heads",
    "catch_alls",
    "certificates",
    "classifier_lessons",
    "classifier_tokens",
    "classifier_totals",
    "cluster_nodes",
    "counters",
    "customers",
    "detector_states",
    "dkim_keys",
    "dmarc_policies",
    "dmarc_records",
    "dmarc_reports",
    "dns_snapshots",
    "domain_aliases",
    "domain_downstreams",
    "domains",
    "forwarders",
    "idempotency_keys",
    "licences",
    "list_items",
    "login_links",
    "mailboxes",
    "messages",
    "meta",
    "metadata",
    "misclassifications",
    "notification_targets",
    "organizations",
    "outbox_events",
    "password_resets",
    "pointers",
    "quarantine_bodies",
    "quarantine_items",
    "quarantine_recipients",
    "recipients",
    "removed_ties",
    "reputations",
    "settings",
    "stat_counters",
    "subscriptions",
    "verdicts",
    "webhook_deliveries",
    "webhooks",
]
