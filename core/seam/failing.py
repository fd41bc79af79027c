"""What became of copies: counted, and told of those that did not arrive, in the transaction that decides it.

That one was relayed is the rule and is told to nobody.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from core.seam.keeping import FILTER, told_of
from core.service.by import By
from core.service.core import Core
from core.store import outbox
from core.store.messages import Message
from core.store.verdicts import Verdict
from hub.telemetry.metrics import METRICS

__all__ = ["count_fates", "tell_failed"]


async def tell_failed(core: Core, tx: AsyncConnection, message: Message, decided: Sequence[Verdict]) -> None:
    """One event a recipient whose copy ended as failed; `fate_detail`: the server's words, or ours."""
    system = By.system(message.tenant, FILTER).shown
    events = [
        ("message.failed", {**told_of(one), "actor": system}) for one in decided if one.fate == "failed"
    ]
    await outbox.emit_many(tx, events, core.node_id, core.clock(), tenant=message.tenant)
    if events:
        core.outward.wake()


def count_fates(decided: Iterable[str]) -> None:
    """In the metrics of this process, once they are committed."""
    for fate, n in Counter(decided).items():
        METRICS.count("mxhub_core_recipients_total", fate, by=n)
