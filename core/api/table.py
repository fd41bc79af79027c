"""Every route of the service's own API, resource by resource."""

from core.api import (
    dns,
    domain_parts,
    domains,
    events,
    forwarding,
    health,
    mailbox_import,
    mailboxes,
    misclassification,
    openapi,
    quarantine,
    verdicts,
    webhooks,
)

__all__ = ["ROUTES"]

ROUTES = (
    *dns.ROUTES,
    *domain_parts.ROUTES,
    *domains.ROUTES,
    *events.ROUTES,
    *forwarding.ROUTES,
    *health.ROUTES,
    *mailbox_import.ROUTES,
    *mailboxes.ROUTES,
    *misclassification.ROUTES,
    *openapi.ROUTES,
    *quarantine.ROUTES,
    *verdicts.ROUTES,
    *webhooks.ROUTES,
)
