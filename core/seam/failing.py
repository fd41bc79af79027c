"""Copies that did not arrive: told in the transaction in which their fate is decided.

That one was relayed is the rule and is told to nobody.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from core.seam.keeping import FILTER, told_of
from core.service.by import By
from core.service.core import Core
from core.store import outbox
from core.store.messages import Message
from core.store.verdicts import Verdict

__all__ = ["tell_failed"]


async def tell_failed(core: Core, tx: AsyncConnection, message: Message, failed: Sequence[Verdict]) -> None:
    """One event a recipient whose copy ended as failed; `fate_detail`: the server's words, or ours."""
    system = By.system(message.tenant, FILTER).shown
    events = [("message.failed", {**told_of(one), "actor": system}) for one in failed]
    await outbox.emit_many(tx, events, core.node_id, core.clock(), tenant=message.tenant)
    if events:
        core.outward.wake()
