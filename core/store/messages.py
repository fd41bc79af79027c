"""Messages that were handed in, and what became of each recipient."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.lists import plain_address
from core.store.tables import messages, verdicts
from core.store.verdicts import Verdict, of
from hub.sql import upsert

__all__ = [
    "Message",
    "add",
    "claim",
    "crashed",
    "files",
    "find",
    "free",
    "get",
    "give_up",
    "hand_back",
    "purge",
    "settle",
    "stranded",
    "verdicts_of",
]

_row = messages.c
_A_STATEMENT = 500
"""Values in one `IN`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it was handed in. `state` is relaying or done.

    `file` is its place below the spool while an attempt to relay it runs. `plan` is `core.seam.plan.Plan` as
    JSON data. `attempts` grows with each claim: only who made the last one may write. Until `due_ms` that one
    has it in hand.
    """

    id: str
    tenant: str
    domain: str
    node_id: str
    idempotency_key: str | None
    sha256: str
    sender: str
    recipients: tuple[str, ...]
    client_ip: str
    helo: str
    rdns: str
    subject: str
    message_id: str
    size_bytes: int
    dry_run: bool
    state: str
    file: str
    plan: Mapping[str, Any] | None
    attempts: int
    due_ms: int | None
    received_ms: int
    updated_ms: int


async def add(tx: AsyncConnection, message: Message, found: Sequence[Verdict]) -> bool:
    """Store a message with its verdicts. False: the tenant has one under that idempotency key."""
    row = {**asdict(message), "recipients": list(message.recipients)}
    made = await tx.execute(upsert.insert(tx, messages).values(**row).on_conflict_do_nothing())
    if made.rowcount:
        await tx.execute(insert(verdicts), [_verdict_row(one) for one in found])
    return bool(made.rowcount)


async def find(tx: AsyncConnection, tenant: str, key: str) -> Message | None:
    """By its idempotency key."""
    rows = await tx.execute(select(messages).where(_row.tenant == tenant, _row.idempotency_key == key))
    row = rows.mappings().one_or_none()
    return None if row is None else _message(row)


async def get(tx: AsyncConnection, message_id: str) -> Message | None:
    """Of any tenant."""
    row = (await tx.execute(select(messages).where(_row.id == message_id))).mappings().one_or_none()
    return None if row is None else _message(row)


async def verdicts_of(tx: AsyncConnection, message: Message) -> tuple[Verdict, ...]:
    """In the order of its recipients."""
    rows = await tx.execute(select(verdicts).where(verdicts.c.message == message.id))
    found = {row["recipient"]: of(row) for row in rows.mappings()}
    plain = (plain_address(one) for one in message.recipients)
    return tuple(found[one] for one in plain if one in found)


async def claim(
    tx: AsyncConnection, message: Message, *, file: str, node_id: str, now_ms: int, until_ms: int
) -> Message | None:
    """Take a message in hand for one more attempt. None: somebody else was faster."""
    values = {
        "attempts": message.attempts + 1,
        "due_ms": until_ms,
        "file": file,
        "node_id": node_id,
        "updated_ms": now_ms,
    }
    done = await tx.execute(update(messages).where(*_mine(message)).values(**values))
    return await get(tx, message.id) if done.rowcount else None


async def settle(
    tx: AsyncConnection,
    message: Message,
    fates: Mapping[str, tuple[str, str]],
    *,
    state: str,
    file: str,
    plan: Mapping[str, Any],
    due_ms: int,
    now_ms: int,
) -> tuple[Verdict, ...] | None:
    """Keep what an attempt came to: `fates` are (fate, words) by recipient, of those that are still open.
    Returns those whose fate is decided by it.

    None: another attempt took the message over meanwhile, and this one has no say. A fate that was decided
    is never written again.
    """
    values = {"state": state, "file": file, "plan": plan, "due_ms": due_ms, "updated_ms": now_ms}
    done = await tx.execute(update(messages).where(*_mine(message)).values(**values))
    if not done.rowcount:
        return None
    decided: list[Verdict] = []
    for recipient, (fate, words) in fates.items():
        row = verdicts.c
        mine = (row.message == message.id, row.recipient == recipient, row.fate == "relaying")
        changed = await _changed(tx, mine, fate, words)
        decided += changed if fate != "relaying" else ()
    return tuple(decided)


async def crashed(tx: AsyncConnection, node_id: str, now_ms: int, limit: int = 100) -> list[Message]:
    """Messages that this node had in hand, and whose time for that is over."""
    mine = (_row.state == "relaying", _row.file != "", _row.node_id == node_id)
    where = (*mine, _row.due_ms <= now_ms)
    rows = await tx.execute(select(messages).where(*where).order_by(_row.updated_ms).limit(limit))
    return [_message(row) for row in rows.mappings()]


async def stranded(tx: AsyncConnection, before_ms: int, limit: int = 100) -> list[Message]:
    """Messages whose sender was told to come back, and has not since that moment."""
    where = (_row.state == "relaying", _row.file == "", _row.updated_ms < before_ms)
    rows = await tx.execute(select(messages).where(*where).order_by(_row.updated_ms).limit(limit))
    return [_message(row) for row in rows.mappings()]


async def hand_back(tx: AsyncConnection, message: Message, now_ms: int) -> bool:
    """Its file is gone: only its sender can go on with it, from this moment. False: another did already."""
    values = {"file": "", "due_ms": now_ms, "updated_ms": now_ms}
    done = await tx.execute(update(messages).where(*_mine(message)).values(**values))
    return bool(done.rowcount)


async def give_up(
    tx: AsyncConnection, message: Message, words: str, now_ms: int
) -> tuple[Verdict, ...] | None:
    """End a message that nobody came back for: what is still open has failed, and is returned. None: another
    attempt took it over meanwhile.
    """
    done = await tx.execute(
        update(messages).where(*_mine(message)).values(state="done", file="", updated_ms=now_ms)
    )
    if not done.rowcount:
        return None
    open_ = (verdicts.c.message == message.id, verdicts.c.fate == "relaying")
    return await _changed(tx, open_, "failed", words)


async def free(tx: AsyncConnection, node_id: str, now_ms: int) -> None:
    """Nobody of that node is at work any more: its messages may be claimed."""
    mine = (_row.state == "relaying", _row.file != "", _row.node_id == node_id, _row.due_ms > now_ms)
    await tx.execute(update(messages).where(*mine).values(due_ms=now_ms))


async def files(tx: AsyncConnection, node_id: str) -> dict[str, str]:
    """Places in a node's spool that belong to a message, and its id."""
    mine = (_row.node_id == node_id, _row.state == "relaying", _row.file != "")
    return {row.file: row.id for row in await tx.execute(select(_row.file, _row.id).where(*mine))}


async def _changed(
    tx: AsyncConnection, which: tuple[ColumnElement[bool], ...], fate: str, words: str
) -> tuple[Verdict, ...]:
    ended = update(verdicts).where(*which).values(fate=fate, fate_detail=words).returning(*verdicts.c)
    return tuple(of(row) for row in (await tx.execute(ended)).mappings())


def _mine(message: Message) -> tuple[ColumnElement[bool], ...]:
    return (_row.id == message.id, _row.attempts == message.attempts, _row.state == "relaying")


def _message(row: RowMapping) -> Message:
    fields = {name: row[name] for name in Message.__dataclass_fields__}
    return Message(**{**fields, "recipients": tuple(row["recipients"])})


def _verdict_row(one: Verdict) -> dict[str, Any]:
    sender_domain = one.sender.rpartition("@")[2]
    return {**asdict(one), "symbols": list(one.symbols), "sender_domain": sender_domain}


async def purge(tx: AsyncConnection, before_ms: int, *, most: int = 5_000) -> int:
    """Forget messages that were done with before that moment, and their verdicts. Returns how many."""
    old = select(_row.id).where(_row.state == "done", _row.updated_ms < before_ms)
    ids = list((await tx.execute(old.order_by(_row.updated_ms).limit(most))).scalars())
    for first in range(0, len(ids), _A_STATEMENT):
        some = ids[first : first + _A_STATEMENT]
        await tx.execute(delete(verdicts).where(verdicts.c.message.in_(some)))
        await tx.execute(delete(messages).where(_row.id.in_(some)))
    return len(ids)
