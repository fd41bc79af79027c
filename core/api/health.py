"""Whether the service lives, whether it can take mail, what it counts: open to all, without an envelope."""

import orjson

from core.api.services import CORE
from core.store.clock import iso_millis
from core.store.database import Unavailable
from hub.telemetry.metrics import CONTENT_TYPE, METRICS
from hub.web.errors import ServiceUnavailable
from hub.web.route import Bare, Call, Route

__all__ = ["ROUTES"]


async def health(call: Call[None, None]) -> Bare:
    core = call.request.app[CORE]
    body = orjson.dumps({"status": "ok", "timestamp": iso_millis(core.clock())})
    return Bare(body=body, media_type="application/json")


async def healthz(call: Call[None, None]) -> Bare:  # noqa: ARG001 - that it answers is the answer
    return Bare(body=b'{"status":"alive"}', media_type=_JSON)


async def readyz(call: Call[None, None]) -> Bare:
    """Whether a write would be durable: one is begun, and ends without a trace."""
    core = call.request.app[CORE]
    try:
        async with core.database.begin():
            pass
    except Unavailable as error:
        body = orjson.dumps({"status": "not ready", "reason": str(error)})
        return Bare(body=body, media_type=_JSON, status=503)
    return Bare(body=b'{"status":"ready"}', media_type=_JSON)


async def metrics(call: Call[None, None]) -> Bare:  # noqa: ARG001 - of the process
    return Bare(body=await METRICS.render(), media_type=CONTENT_TYPE)


_JSON = "application/json"
ROUTES = (
    Route(
        "GET", "/healthz", healthz, summary="200 while the process lives", scope=None, media_types=(_JSON,)
    ),
    Route(
        "GET",
        "/readyz",
        readyz,
        summary="200 while the database takes writes, else 503 with the reason",
        scope=None,
        media_types=(_JSON,),
        errors=(ServiceUnavailable,),
    ),
    Route(
        "GET",
        "/metrics",
        metrics,
        summary="Prometheus text",
        scope=None,
        media_types=("text/plain",),
    ),
    Route(
        "GET",
        "/health",
        health,
        summary="Whether the service lives",
        scope=None,
        media_types=("application/json",),
    ),
)
