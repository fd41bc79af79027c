"""Is the hub alive, can it take events in, what does it count."""

from aiohttp import web

from hub.api.metrics import stored_metrics
from hub.api.services import services_of
from hub.web.probes import probes

__all__ = ["ROUTES"]


async def _ready(request: web.Request) -> str | None:
    return await services_of(request).ready()


async def _counted(request: web.Request) -> bytes:
    services = services_of(request)
    return await services.metrics.render() + await stored_metrics(services)


ROUTES = probes(_ready, _counted, summary="200 while the log is writable, else 503 with the reason")
