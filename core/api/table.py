"""Every route of the service's own API, resource by resource."""

from core.api import health, openapi, quarantine, verdicts

__all__ = ["ROUTES"]

ROUTES = (*health.ROUTES, *openapi.ROUTES, *quarantine.ROUTES, *verdicts.ROUTES)
