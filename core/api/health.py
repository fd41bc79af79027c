"""Whether the service lives."""

import orjson

from core.api.services import CORE
from core.store.clock import iso_millis
from hub.web.route import Bare, Call, Route

__all__ = ["ROUTES"]


async def health(call: Call[None, None]) -> Bare:
    core = call.request.app[CORE]
    body = orjson.dumps({"status": "ok", "timestamp": iso_millis(core.clock())})
    return Bare(body=body, media_type="application/json")


ROUTES = (
    Route(
        "GET",
        "/health",
        health,
        summary="Whether the service lives",
        scope=None,
        media_types=("application/json",),
    ),
)
