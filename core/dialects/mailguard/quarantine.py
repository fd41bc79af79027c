"""`/mail/quarantine`: list, read, release, discard, retrain; cluster-wide, routed to the owner node."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec
from aiohttp import web

from core.dialects.mailguard import params
from core.dialects.mailguard.access import PRINCIPAL
from core.dialects.mailguard.envelope import Refused, answer
from core.dialects.mailguard.service import SERVICE
from core.service import actions
from core.store import quarantine

__all__ = ["body", "discard", "listing", "release", "retrain"]

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
    async with request.app[SERVICE].database.read() as tx:
        found = await quarantine.page(tx, narrow, limit=limit, offset=offset)
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
    node_id, queue_id = _named(request)
    principal, service = request[PRINCIPAL], request.app[SERVICE]
    with _translated():
        async with service.database.begin() as tx:
            held = await actions.retrain(
                tx,
                node_id,
                queue_id,
                label,
                principal.actor,
                service.clock(),
                domain=principal.key.domain,
            )
    return answer({**held.as_dict(), "class": label}, message="Trained")


async def body(request: web.Request) -> web.Response:
    """The message as received, `text/rfc822`."""
    node_id, queue_id = _named(request)
    with _translated():
        async with request.app[SERVICE].database.read() as tx:
            raw = await actions.body(tx, node_id, queue_id, domain=request[PRINCIPAL].key.domain)
    return web.Response(body=raw, content_type="text/rfc822")


async def _settle(request: web.Request, action: Callable[..., Awaitable[quarantine.Held]]) -> quarantine.Held:
    node_id, queue_id = _named(request)
    principal, service = request[PRINCIPAL], request.app[SERVICE]
    with _translated():
        async with service.database.begin() as tx:
            return await action(
                tx, node_id, queue_id, principal.actor, service.clock(), domain=principal.key.domain
            )


def _named(request: web.Request) -> tuple[str, str]:
    """The node and the queue id in the path."""
    return request.match_info["node_id"], request.match_info["queue_id"]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except actions.NotHeld as error:
        raise Refused(404, str(error)) from error
    except actions.NodeUnreachable as error:
        raise Refused(503, str(error), headers={"Retry-After": str(_RETRY_UNREACHABLE_S)}) from error
