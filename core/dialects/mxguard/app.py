"""MxGuard's API, whole, with its description."""

from functools import lru_cache
from typing import Any

import orjson

from core.api import customers, quarantine
from core.api.openapi import released
from core.api.page import page
from core.api.services import asked
from core.dialects.dialect import Dialect, bearer
from core.dialects.mxguard import domains, mail, tokens, webhooks
from core.dialects.mxguard.access import everywhere, limits, told
from core.dialects.mxguard.form import ANSWERS, MxGuardForm
from hub.web.openapi import describe
from hub.web.route import ANY_CALLER, Bare, Call, Reply, Route

__all__ = ["MXGUARD"]

_HTML = "text/html; charset=utf-8"
_CONTRACT = "/api/v1/openapi.json"
_MAX_BODY_BYTES = 1024 * 1024
"""A thousand domains at once fit."""


async def me(call: Call[None, None]) -> Reply:
    """The token is known, or this is never reached."""
    _, by = asked(call)
    who = by.principal
    own = limits(who)
    scopes = sorted({name for grant in who.grants for name in grant.names})
    token = {"name": who.name, "prefix": who.key_prefix, "scopes": scopes}
    per = {"hour": own.per_hour, "minute": own.per_minute}
    return Reply(data={"account": who.tenant, "token": token, "limits": per})


async def openapi(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=_document(), media_type="application/json")


async def docs(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=page(orjson.loads(_document())).encode(), media_type=_HTML)


@lru_cache(maxsize=1)
def _document() -> bytes:
    found: dict[str, Any] = describe(
        _ROUTES,
        title="MxGuard",
        version=released(),
        summary="Domains, rules, verdicts, quarantine, stats",
        answers=ANSWERS,
    )
    return orjson.dumps(found)


_ROUTES = (
    Route(
        "GET",
        "/api/v1/me",
        me,
        summary="Whether the token works, and whose it is",
        response=dict[str, Any],
        scope=ANY_CALLER,
    ),
    *domains.ROUTES,
    *mail.ROUTES,
    *(route for route in quarantine.ROUTES if route.path == "/api/v1/quarantine:batch"),
    *tokens.ROUTES,
    *webhooks.ROUTES,
    *customers.ROUTES,
    Route(
        "GET",
        _CONTRACT,
        openapi,
        summary="OpenAPI",
        scope=None,
        media_types=("application/json",),
    ),
    Route("GET", "/api/v1/docs", docs, summary="The same for people", scope=None, media_types=(_HTML,)),
)

MXGUARD = Dialect(
    name="mxguard",
    routes=_ROUTES,
    form=MxGuardForm(),
    key_of=bearer,
    limits=limits,
    headers=told,
    max_body_bytes=_MAX_BODY_BYTES,
    around=(everywhere,),
    contract=_CONTRACT,
)
