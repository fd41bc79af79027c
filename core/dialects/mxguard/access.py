"""The limits of the page: 600 requests an hour, bursts of 60 a minute; every answer tells how they stand."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.api.services import CORE
from core.dialects.dialect import bearer
from core.service.core import Core
from core.store.database import Unavailable
from hub.access.keyring import KeyRefused
from hub.access.limiter import Budget, LimiterDown, Standing
from hub.access.plans import DEFAULT, PLANS, Limits, windows
from hub.access.principal import Principal
from hub.web.limits import BUDGET

__all__ = ["everywhere", "limits", "told"]

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_NOT_ASKED = frozenset({HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""Answers for which nobody was asked who they are; with others the token is not known, or cannot be."""


def limits(principal: Principal) -> Limits:
    """Those of the page; a key that has a plan or figures of its own has been given other ones."""
    return PLANS["mxguard"] if principal.limits in (None, DEFAULT) else principal.limits


def told(budget: Budget) -> Mapping[str, str]:
    """`X-RateLimit-Remaining` and `-Reset` (epoch seconds); the page names no `-Limit`."""
    tightest = budget.tightest
    if tightest is None:
        return {}
    reset_s = -(-(budget.now_ms + tightest.full_ms) // 1000)
    return {"X-RateLimit-Remaining": str(tightest.remaining), "X-RateLimit-Reset": str(reset_s)}


def everywhere() -> Middleware:
    """Tells the limits where no route did: the page promises both headers on every answer.

    A request that names a token counts, whatever it asked for. Who names none, or none that is known, has
    what the page allows.
    """

    @web.middleware
    async def tell(request: web.Request, handler: _Handler) -> web.StreamResponse:
        response = await handler(request)
        if BUDGET not in request:
            token = bearer(request) if response.status in _NOT_ASKED else ""
            response.headers.update(told(await _spent(request.app[CORE], token)))
        return response

    return tell


async def _spent(core: Core, token: str) -> Budget:
    with suppress(KeyRefused, Unavailable, LimiterDown):
        who = await core.access.keyring.authenticate(token)
        return await core.access.limiter.spend(who.id, limits(who), tenant=who.tenant)
    whole = [Standing(one, one.capacity, 0, 0) for one in windows(PLANS["mxguard"])]
    return Budget(granted=True, now_ms=core.clock(), standings=tuple(whole))
