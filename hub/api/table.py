"""Every route of the API, resource by resource."""

from hub.api import (
    backup,
    books,
    captures,
    connectors,
    events,
    export,
    feed,
    openapi,
    parked,
    probes,
    replays,
    send_test,
    sources,
    tenants,
)

__all__ = ["ROUTES"]

ROUTES = (
    *events.ROUTES,
    *feed.ROUTES,
    *export.ROUTES,
    *books.ROUTES,
    *sources.ROUTES,
    *tenants.ROUTES,
    *connectors.ROUTES,
    *send_test.ROUTES,
    *parked.ROUTES,
    *replays.ROUTES,
    *captures.ROUTES,
    *backup.ROUTES,
    *openapi.ROUTES,
    *probes.ROUTES,
)
