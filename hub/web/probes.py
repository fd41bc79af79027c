"""Probes: is it alive, can it take anything in, what does it count. Open to all and without an envelope."""

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from hub.telemetry.metrics import CONTENT_TYPE
from hub.web.errors import ServiceUnavailable
from hub.web.route import Bare, Call, Route

__all__ = ["JSON", "probes"]

JSON: Final = "application/json"


def probes(
    ready: Callable[[web.Request], Awaitable[str | None]],
    counted: Callable[[web.Request], Awaitable[bytes]],
    *,
    summary: str,
) -> tuple[Route, ...]:
    """`ready` gives the reason why not, or None; `summary` says when. `counted` gives Prometheus text."""

    async def healthz(call: Call[None, None]) -> Bare:  # noqa: ARG001 - that it answers is the answer
        return Bare(body=b'{"status":"alive"}', media_type=JSON)

    async def readyz(call: Call[None, None]) -> Bare:
        reason = await ready(call.request)
        if reason is None:
            return Bare(body=b'{"status":"ready"}', media_type=JSON)
        return Bare(body=orjson.dumps({"status": "not ready", "reason": reason}), media_type=JSON, status=503)

    async def metrics(call: Call[None, None]) -> Bare:
        return Bare(body=await counted(call.request), media_type=CONTENT_TYPE)

    unready, alive = (ServiceUnavailable,), "200 while the process lives"
    return (
        Route("GET", "/healthz", healthz, summary=alive, scope=None, media_types=(JSON,)),
        Route("GET", "/readyz", readyz, summary=summary, scope=None, media_types=(JSON,), errors=unready),
        Route("GET", "/metrics", metrics, summary="Prometheus text", scope=None, media_types=("text/plain",)),
    )
