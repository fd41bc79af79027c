"""Probes: is it alive, can it take events in, what does it count. Open to all and without an envelope."""

import orjson

from hub.api.metrics import stored_metrics
from hub.api.services import services_of
from hub.telemetry.metrics import CONTENT_TYPE
from hub.web.errors import ServiceUnavailable
from hub.web.route import Bare, Call, Route

__all__ = ["ROUTES"]

_JSON = "application/json"


async def healthz(call: Call[None, None]) -> Bare:  # noqa: ARG001 - that it answers is the answer
    return Bare(body=b'{"status":"alive"}', media_type=_JSON)


async def readyz(call: Call[None, None]) -> Bare:
    reason = await services_of(call.request).ready()
    if reason is None:
        return Bare(body=b'{"status":"ready"}', media_type=_JSON)
    return Bare(body=orjson.dumps({"status": "not ready", "reason": reason}), media_type=_JSON, status=503)


async def metrics(call: Call[None, None]) -> Bare:
    services = services_of(call.request)
    body = await services.metrics.render() + await stored_metrics(services)
    return Bare(body=body, media_type=CONTENT_TYPE)


ROUTES = (
    Route(
        "GET", "/healthz", healthz, summary="200 while the process lives", scope=None, media_types=(_JSON,)
    ),
    Route(
        "GET",
        "/readyz",
        readyz,
        summary="200 while the log is writable, else 503 with the reason",
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
)
