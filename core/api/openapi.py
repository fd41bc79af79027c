"""The API's own description: OpenAPI 3.1 as JSON and as YAML, and a page for people."""

from functools import lru_cache
from importlib import metadata
from typing import Any

import orjson

from hub.web.openapi import describe
from hub.web.route import Bare, Call, Route

__all__ = ["ROUTES", "document"]

_PAGE = "text/html; charset=utf-8"


async def openapi_json(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=_json(), media_type="application/json")


async def openapi_yaml(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=_yaml(), media_type="application/yaml")


async def docs(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=_page(), media_type=_PAGE)


def document() -> dict[str, Any]:
    """OpenAPI 3.1 of every route in the table; its version is the release's."""
    from core.api.table import ROUTES as EVERY

    return describe(
        EVERY,
        title="mxhub core",
        version=released(),
        summary="The mail filtering service: domains, rules, verdicts, quarantine, reports, audit",
    )


def released() -> str:
    try:
        return metadata.version("mxhub")
    except metadata.PackageNotFoundError:
        return "0"


@lru_cache(maxsize=1)
def _json() -> bytes:
    return orjson.dumps(document())


@lru_cache(maxsize=1)
def _yaml() -> bytes:
    from io import StringIO

    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed as None there
    yaml.dump(orjson.loads(_json()), text)
    return text.getvalue().encode()


@lru_cache(maxsize=1)
def _page() -> bytes:
    from core.api.page import page

    return page(orjson.loads(_json())).encode()


ROUTES = (
    Route(
        "GET",
        "/api/v1/openapi.json",
        openapi_json,
        summary="This description, as OpenAPI 3.1 in JSON (without an envelope)",
        scope=None,
        media_types=("application/json",),
    ),
    Route(
        "GET",
        "/api/v1/openapi.yaml",
        openapi_yaml,
        summary="This description, as OpenAPI 3.1 in YAML (without an envelope)",
        scope=None,
        media_types=("application/yaml",),
    ),
    Route(
        "GET",
        "/docs",
        docs,
        summary="This description, as a page",
        scope=None,
        media_types=(_PAGE,),
    ),
)
