"""Every route of the service's own API, resource by resource."""

from core.api import (
    dns,
    forwarding,
    health,
    mailbox_import,
    mailboxes,
    misclassification,
    openapi,
    quarantine,
    verdicts,
)

__all__ = ["ROUTES"]

ROUTES = (
    *dns.ROUTES,
    *forwarding.ROUTES,
    *health.ROUTES,
    *mailbox_import.ROUTES,
    *mailboxes.ROUTES,
    *misclassification.ROUTES,
    *openapi.ROUTES,
    *quarantine.ROUTES,
    *verdicts.ROUTES,
)
