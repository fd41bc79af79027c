"""Every route of the service's own API, resource by resource."""

from core.api import health, openapi, verdicts

__all__ = ["ROUTES"]

ROUTES = (*health.ROUTES, *openapi.ROUTES, *verdicts.ROUTES)
