"""The API's own description."""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import orjson

from hub.web.openapi import describe
from hub.web.route import Bare, Call, Route

__all__ = ["ROUTES", "document"]


async def openapi(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=_rendered(), media_type="application/json")


def document() -> dict[str, object]:
    """OpenAPI 3.1 of every route in the table."""
    from hub.api.table import ROUTES as EVERY

    try:
        released = version("mxhub")
    except PackageNotFoundError:
        released = "0"
    return describe(
        EVERY,
        title="mxhub",
        version=released,
        summary="One durable stream of OCSF events from every mail filter you run",
    )


@lru_cache(maxsize=1)
def _rendered() -> bytes:
    return orjson.dumps(document())


ROUTES = (
    Route(
        "GET",
        "/api/v1/openapi.json",
        openapi,
        summary="This description, as OpenAPI 3.1 (without an envelope)",
        scope=None,
        media_types=("application/json",),
    ),
)
