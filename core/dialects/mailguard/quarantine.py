"""`/mail/quarantine`: list, read, release, discard, retrain; cluster-wide, routed to the owner node."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import msgspec
from aiohttp import web

from core.dialects.mailguard import params
from core.dialects.mailguard.access import PRINCIPAL
from core.dialects.mailguard.envelope import Refused, answer
from core.dialects.mailguard.service import SERVICE
from core.service import quarantine as service
from core.service.by import By
from core.service.core import Core
from core.store import quarantine
from core.store.quarantine import Held
from hub.web.errors import ApiError, Conflict

__all__ = ["body", "discard", "listing", "release", "retrain"]

MAX_OFFSET = 2**31 - 1


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
    held = await _settle(request, service.release)
    return answer(held.as_dict(), message="Released")


async def discard(request: web.Request) -> web.Response:
    """Delete the message for good."""
    held = await _settle(request, service.discard)
    return answer(held.as_dict(), message="Discarded")


async def retrain(request: web.Request) -> web.Response:
    """Label the message as ham or spam; it stays held."""
    label = (await params.json_body(request, Label)).label
    held = await _settle(request, partial(service.retrain, klass=label))
    return answer({**held.as_dict(), "class": label}, message="Trained")


async def body(request: web.Request) -> web.Response:
    """The message as received, `text/rfc822`."""
    core, by = _asked(request)
    with _translated():
        item_id = await _lying(request, core, by, service.READ)
        _, raw = await service.raw(core, by, item_id)
    return web.Response(body=raw, content_type="text/rfc822")


async def _settle(request: web.Request, deed: Callable[[Core, By, str], Awaitable[Held]]) -> Held:
    core, by = _asked(request)
    with _translated():
        return await deed(core, by, await _lying(request, core, by, service.ACT))


def _asked(request: web.Request) -> tuple[Core, By]:
    return request.app[SERVICE].core, request[PRINCIPAL].by


async def _lying(request: web.Request, core: Core, by: By, scope: str) -> str:
    """The id of the message in the place that the path names."""
    node_id, queue_id = request.match_info["node_id"], request.match_info["queue_id"]
    async with core.database.read() as tx:
        return (await service.placed(tx, by, node_id, queue_id, scope)).id


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever is not there any more is 404 here, also what somebody else settled a moment ago."""
    try:
        yield
    except Conflict as error:
        raise Refused(404, error.message) from error
    except ApiError as error:
        headers = {name: text for name, text in error.headers.items() if name == "Retry-After"}
        raise Refused(error.status, error.message, headers=headers) from error
