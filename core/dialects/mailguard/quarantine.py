"""`/mail/quarantine`: list, read, release, discard, retrain; cluster-wide, routed to the owner node."""

import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, TypeVar

import msgspec
from aiohttp import web

from core.dialects.mailguard import params
from core.dialects.mailguard.access import PRINCIPAL
from core.dialects.mailguard.envelope import Refused, answer
from core.dialects.mailguard.service import SERVICE
from core.service import actions
from core.store import quarantine

__all__ = ["body", "discard", "listing", "release", "retrain"]

T = TypeVar("T")
MAX_OFFSET = 2**31 - 1
_RETRY_UNREACHABLE_S = 10


class Label(msgspec.Struct, frozen=True, rename={"label": "class"}):
    """The body of a retrain request."""

    label: Literal["ham", "spam"]


async def listing(request: web.Request) -> web.Response:
    """Held messages, newest first, by limit and offset."""
    own = request[PRINCIPAL].key.domain
    asked = params.text(request, "domain")
    if own is not None and asked not in (None, own):
        raise Refused(403, f"this key is for {own} only")
    reason = params.text(request, "reason")
    if reason not in (None, "spam", "phishing", "sandbox", "rbl"):
        raise Refused(400, "reason must be spam, phishing, sandbox or rbl")
    narrow = quarantine.Filter(
        domain=own or asked,
        sender=params.text(request, "sender"),
        since_ms=params.moment(request, "since"),
        min_score=params.number(request, "min_score"),
        max_score=params.number(request, "max_score"),
        reason=reason,
    )
    limit = params.whole(request, "limit", default=100, low=1, high=1000)
    offset = params.whole(request, "offset", default=0, low=0, high=MAX_OFFSET)
    found = await request.app[SERVICE].database.run(
        partial(quarantine.page, narrow=narrow, limit=limit, offset=offset)
    )
    return answer([held.as_dict() for held in found])


async def release(request: web.Request) -> web.Response:
    """Deliver the message."""
    held = await _settle(request, actions.release)
    return answer(held.as_dict(), message="Released")


async def discard(request: web.Request) -> web.Response:
    """Delete the message for good."""
    held = await _settle(request, actions.discard)
    return answer(held.as_dict(), message="Discarded")


async def retrain(request: web.Request) -> web.Response:
    """Label the message as ham or spam; it stays held."""
    label = (await params.json_body(request, Label)).label
    principal, service = request[PRINCIPAL], request.app[SERVICE]
    work = partial(
        actions.retrain,
        node_id=request.match_info["node_id"],
        queue_id=request.match_info["queue_id"],
        label=label,
        actor=principal.actor,
        now_ms=service.clock(),
        domain=principal.key.domain,
    )
    held = await _translated(service.database.run(work))
    return answer({**held.as_dict(), "class": label}, message="Trained")


async def body(request: web.Request) -> web.Response:
    """The message as received, `text/rfc822`."""
    work = partial(
        actions.body,
        node_id=request.match_info["node_id"],
        queue_id=request.match_info["queue_id"],
        domain=request[PRINCIPAL].key.domain,
    )
    raw = await _translated(request.app[SERVICE].database.run(work))
    return web.Response(body=raw, content_type="text/rfc822")


async def _settle(request: web.Request, action: Callable[..., quarantine.Held]) -> quarantine.Held:
    principal, service = request[PRINCIPAL], request.app[SERVICE]

    def work(db: sqlite3.Connection) -> quarantine.Held:
        return action(
            db,
            request.match_info["node_id"],
            request.match_info["queue_id"],
            principal.actor,
            service.clock(),
            domain=principal.key.domain,
        )

    return await _translated(service.database.run(work))


async def _translated(pending: Awaitable[T]) -> T:
    try:
        return await pending
    except actions.NotHeld as error:
        raise Refused(404, str(error)) from error
    except actions.NodeUnreachable as error:
        raise Refused(503, str(error), headers={"Retry-After": str(_RETRY_UNREACHABLE_S)}) from error
