"""A sender that is allowed along with the release of a message: for the message's recipients only.

Never for the whole account, and never as a block: one person's opinion of a sender is not everybody's.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.lists import service as lists
from core.lists.items import shelf
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store.quarantine import Held
from hub.web.access import authorize
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["WRITE", "allow"]

WRITE = "rules:write"


async def allow(core: Core, by: By, held: Held) -> int:
    """Put the sender of a held message on the safelist of each of its recipients; returns on how many it is
    new.

    Raises `Forbidden` without `rules:write` on the domain, `ValidationFailed` where the sender is no address.
    """
    authorize(by.principal, WRITE, held.domain)
    if "@" not in held.sender:
        raise ValidationFailed.of("allow_sender", "the message has no sender that could be allowed")
    async with core.database.begin() as tx:
        added = [await _allowed(core, tx, by, held, recipient) for recipient in held.recipients]
    return sum(added)


async def _allowed(core: Core, tx: AsyncConnection, by: By, held: Held, recipient: str) -> bool:
    place, wanted = shelf("user", recipient), lists.Wanted(item=held.sender, note=f"released {held.id}")
    try:
        added = await lists.add(tx, by.tenant, place, "safe", wanted, by=by.actor.id, now_ms=core.clock())
    except Conflict:
        return False
    entry = added.entry
    after = {"tier": "user", "owner": place.owner, "kind": "safe", "item": entry.item}
    where = Resource(type="rule", id=entry.id, domain=held.domain)
    await record(
        core, tx, by, Deed(action="rule.added", resource=where, after=after, event="rule.added", data=after)
    )
    return True
