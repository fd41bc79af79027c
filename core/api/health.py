"""Whether the service lives, whether it can take mail, what it counts: open to all, without an envelope."""

import orjson
from aiohttp import web

from core.api.services import CORE
from core.store.clock import iso_millis
from core.store.database import Unavailable
from hub.telemetry.metrics import METRICS
from hub.web.probes import JSON, probes
from hub.web.route import Bare, Call, Route

__all__ = ["ROUTES"]


async def health(call: Call[None, None]) -> Bare:
    core = call.request.app[CORE]
    body = orjson.dumps({"status": "ok", "timestamp": iso_millis(core.clock())})
    return Bare(body=body, media_type=JSON)


async def _ready(request: web.Request) -> str | None:
    """Whether a write would be durable: one is begun, and ends without a trace."""
    try:
        async with request.app[CORE].database.begin():
            return None
    except Unavailable as error:
        return str(error)


async def _counted(request: web.Request) -> bytes:
    del request  # it counts for the process
    return await METRICS.render()


ROUTES = (
    *probes(_ready, _counted, summary="200 while the database takes writes, else 503 with the reason"),
    Route("GET", "/health", health, summary="Whether the service lives", scope=None, media_types=(JSON,)),
)
