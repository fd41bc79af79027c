"""To whom a held message goes when it is released."""

import re
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.lists import plain_address
from core.seam.judging import deliveries_of
from core.seam.plan import Delivery, Plan, Stamp
from core.seam.recipients import Host, host_of, routed
from core.service.by import By
from core.service.core import Core
from core.store import domains as stored
from core.store.releases import Release
from core.upstream.local import LocalProvider
from hub.web.errors import UpstreamFailed

__all__ = ["planned"]

_STAMP = "release"
_UNSEEN = re.compile(r"[^\x21-\x7e]+")


async def planned(core: Core, tx: AsyncConnection, by: By, found: Release) -> Plan:
    """The rest of an earlier release, refusals tried again; else to all recipients, by their routes of now.

    Raises `UpstreamFailed` when its domain is not filtered here any more.
    """
    before = Plan.read(found.plan)
    if before.deliveries:
        return _once_more(before, by)
    held = found.held
    domain = await stored.find(tx, held.tenant, held.domain)
    if domain is None:
        raise UpstreamFailed(f"{held.domain} is not filtered here any more: nobody knows its servers.")
    host = await host_of(tx, domain, is_local=isinstance(core.upstream(held.tenant), LocalProvider))
    deliveries = [each for recipient in held.recipients for each in _deliveries(recipient, domain.name, host)]
    who = _UNSEEN.sub("_", f"{by.actor.type}:{by.actor.id}")[:200]
    stamp = Stamp.of((("X-Hub-Released-By", f"{who} id={held.id}"),), core.config.hostname)
    return Plan(deliveries=tuple(deliveries), stamps={_STAMP: stamp}, asked_by=by.shown)


def _once_more(before: Plan, by: By) -> Plan:
    again = tuple(
        msgspec.structs.replace(one, state="waiting") if one.state == "refused" else one
        for one in before.deliveries
    )
    return msgspec.structs.replace(before, deliveries=again, asked_by=by.shown)


def _deliveries(recipient: str, domain: str, host: Host) -> tuple[Delivery, ...]:
    key, local = plain_address(recipient), recipient.rpartition("@")[0]
    route = routed(recipient, f"{local}@{domain}", host)
    if route.fate == "deliver":
        return deliveries_of(key, route, domain, recipient, _STAMP)
    ended: Literal["sent", "refused"] = "sent" if route.fate == "discard" else "refused"
    return (Delivery(recipient=key, address=recipient, state=ended, words=route.reason),)
