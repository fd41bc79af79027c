"""A sender that is allowed along with the release of a message: for the message's recipients only.

Never for the whole account, and never as a block: one person's opinion of a sender is not everybody's.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from core.lists.service import Wanted
from core.service import lists
from core.service.by import By
from core.service.core import Core
from core.store.quarantine import Held
from hub.web.access import authorize
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["allow"]


async def allow(core: Core, by: By, held: Held) -> int:
    """Put the sender of a held message on the safelist of each of its recipients; returns on how many it is
    new.

    Raises `Forbidden` without `rules:write` on the domain, `ValidationFailed` where the sender is no address.
    """
    authorize(by.principal, lists.WRITE, held.domain)
    if "@" not in held.sender:
        raise ValidationFailed.of("allow_sender", "the message has no sender that could be allowed")
    async with core.database.begin() as tx:
        return sum([await _allowed(core, tx, by, held, recipient) for recipient in held.recipients])


async def _allowed(core: Core, tx: AsyncConnection, by: By, held: Held, recipient: str) -> bool:
    """Lists belong to addresses of the domain itself, also where the message came to an alias of it."""
    owner = f"{recipient.rpartition('@')[0]}@{held.domain}"
    where = await lists.shelf(tx, by, lists.WRITE, "user", owner)
    try:
        await lists.add(core, tx, by, where, "safe", Wanted(item=held.sender, note=f"released {held.id}"))
    except Conflict:
        return False
    return True
