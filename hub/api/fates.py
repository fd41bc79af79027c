"""What became of one event at each connector.

The stored sets say pending, retrying, parked or dropped; which of delivered and filtered it is, the route
table that was in force for its seq says.
"""

from hub.model.event import Entry
from hub.pipeline.match import Matcher
from hub.store.base import Log

__all__ = ["fates_of"]

_OPEN = "delivered or filtered"


async def fates_of(log: Log, entry: Entry) -> dict[str, str]:
    """`{connector: "pending" | "retrying" | "parked: why" | "dropped: why" | "delivered" | "filtered"}`.

    A connector that the table of that time did not know has no fate for the event. A replay's row
    (`connector@job`) shows only while it owes the event or has it parked or dropped: what it delivered, it
    does not remember by event.
    """
    said = await log.fates(entry.seq)
    matcher = await _table_for(log, entry.seq)
    wanted = frozenset(matcher.match(entry.header))
    fates = {}
    for connector, fate in said.items():
        if fate != _OPEN:
            fates[connector] = fate
        elif connector in matcher.connectors:
            fates[connector] = "delivered" if connector in wanted else "filtered"
    return fates


async def _table_for(log: Log, seq: int) -> Matcher:
    text = ""
    for _gen, first_seq, routes in await log.tables():
        if first_seq > seq:
            break
        text = routes
    return Matcher.from_text(text)
