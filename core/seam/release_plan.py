"""To whom a held message goes when it is released."""

import re
from typing import Literal

import msgspec

from core.engine.lists import plain_address
from core.seam.judging import deliveries_of
from core.seam.plan import Delivery, Plan, Stamp
from core.seam.recipients import Host, elsewhere, host_of, routed
from core.service.by import By
from core.service.core import Core
from core.store import domains as stored
from core.store.releases import Release
from hub.web.errors import UpstreamFailed

__all__ = ["planned"]

_STAMP = "release"
_UNSEEN = re.compile(r"[^\x21-\x7e]+")


async def planned(core: Core, by: By, found: Release) -> Plan:
    """The rest of an earlier release, refusals tried again; else to all recipients, by their routes of now.

    Outside of any transaction. Raises `UpstreamFailed` when its domain is not filtered here any more,
    `ServiceUnavailable` while its mail host cannot say who is there.
    """
    before = Plan.read(found.plan)
    if before.deliveries:
        return _once_more(before, by)
    held = found.held
    async with core.database.read() as tx:
        domain = await stored.find(tx, held.tenant, held.domain)
    if domain is None:
        raise UpstreamFailed(f"{held.domain} is not filtered here any more: nobody knows its servers.")
    to = {recipient: f"{recipient.rpartition('@')[0]}@{domain.name}" for recipient in held.recipients}
    hosting = await elsewhere(core, domain, tuple(to.values()))
    async with core.database.read() as tx:
        host = await host_of(core, tx, domain, hosting)
    deliveries = [each for one, own in to.items() for each in _deliveries(one, own, host)]
    who = _UNSEEN.sub("_", f"{by.actor.type}:{by.actor.id}")[:200]
    stamp = Stamp.of((("X-Hub-Released-By", f"{who} id={held.id}"),), core.config.hostname)
    return Plan(deliveries=tuple(deliveries), stamps={_STAMP: stamp}, asked_by=by.shown)


def _once_more(before: Plan, by: By) -> Plan:
    again = tuple(
        msgspec.structs.replace(one, state="waiting") if one.state == "refused" else one
        for one in before.deliveries
    )
    return msgspec.structs.replace(before, deliveries=again, asked_by=by.shown)


def _deliveries(recipient: str, canonical: str, host: Host) -> tuple[Delivery, ...]:
    key, route = plain_address(recipient), routed(recipient, canonical, host)
    if route.fate == "deliver":
        return deliveries_of(key, route, canonical.rpartition("@")[2], recipient, _STAMP)
    ended: Literal["sent", "refused"] = "sent" if route.fate == "discard" else "refused"
    return (Delivery(recipient=key, address=recipient, state=ended, words=route.reason),)
