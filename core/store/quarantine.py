"""Held messages: their listing data and their bytes, until they are released or discarded."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.keyset import Keyset
from core.store.clock import iso_seconds
from core.store.tables import cluster_nodes, quarantine_bodies, quarantine_items, quarantine_recipients

__all__ = [
    "DOMAIN",
    "LYING",
    "OPEN",
    "Filter",
    "Held",
    "State",
    "add",
    "body",
    "count",
    "due",
    "find",
    "get",
    "label",
    "named",
    "of",
    "order",
    "page",
    "placed",
    "purge",
    "select_from",
    "step",
]

State = Literal["held", "releasing", "released", "release_failed", "discarded", "expired"]
LYING: tuple[State, ...] = ("held", "releasing", "release_failed")
"""States of a message that is still there."""
OPEN: tuple[State, ...] = ("held", "release_failed")
"""States in which one may act on it."""
_ENDED: tuple[State, ...] = ("released", "discarded", "expired")

_item = quarantine_items.c
_to = quarantine_recipients.c
DOMAIN = _item.domain
_BY: Final = Keyset(_item.arrived_ms, _item.id)
_BY_RECIPIENT: Final = Keyset(_to.arrived_ms, _to.item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message that is, or was, in quarantine. `queue_id` is unique on its node while it is held, and reused
    later.

    `file` is its place below the quarantine folder; nothing where its bytes are in the database, or gone.
    `label` is what people said it was: ham, spam, or nothing yet. `state_detail` says why a release failed.
    """

    id: str
    tenant: str
    node_id: str
    queue_id: str
    domain: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    client_ip: str
    score: float
    symbols: tuple[str, ...]
    reason: str
    size_bytes: int
    arrived_ms: int
    expires_ms: int | None = None
    message: str = ""
    file: str = ""
    sha256: str = ""
    label: str = ""
    state: State = "held"
    state_detail: str = ""
    state_ms: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The item as MailGuard's quarantine page shows it, and what else the filter knows."""
        return {
            "node_id": self.node_id,
            "queue_id": self.queue_id,
            "sender": self.sender,
            "recipients": list(self.recipients),
            "subject": self.subject,
            "score": self.score,
            "symbols": list(self.symbols),
            "reason": self.reason,
            "size_bytes": self.size_bytes,
            "arrived_at": iso_seconds(self.arrived_ms),
            "domain": self.domain,
            "message_id": self.message_id,
            "client_ip": self.client_ip,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a listing is narrowed to; bounds are inclusive, `sender` is an address or a domain.

    `state` None means what is still there, `any` also what has ended.
    """

    state: State | Literal["any"] | None = None
    domain: str | None = None
    sender: str | None = None
    recipient: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    min_score: float | None = None
    max_score: float | None = None
    reason: str | None = None

    @property
    def is_short(self) -> bool:
        """Whether it names a person: what one gets or sends is little among the mail of domains."""
        return self.recipient is not None or _is_address(self.sender or "")

    def as_dict(self) -> Mapping[str, Any]:
        return asdict(self)


_COLUMNS = [_item[name] for name in Held.__dataclass_fields__]
_REACHABLE = _item.node_id.in_(select(cluster_nodes.c.id).where(cluster_nodes.c.present))


async def add(tx: AsyncConnection, held: Held, body: bytes | None = None) -> None:
    """Keep a message. It has a `file`; those of sandboxes of before lie here with their bytes.

    Raises `sqlalchemy.exc.IntegrityError` when the node holds one under the same queue id.
    """
    row = {**asdict(held), "recipients": list(held.recipients), "symbols": list(held.symbols)}
    row["state_ms"] = held.state_ms or held.arrived_ms
    await tx.execute(insert(quarantine_items).values(**row))
    place = {"tenant": held.tenant, "arrived_ms": held.arrived_ms, "item": held.id}
    to = sorted({_plain(one) for one in held.recipients})
    if to:
        await tx.execute(insert(quarantine_recipients), [{**place, "recipient": one} for one in to])
    if body is not None:
        await tx.execute(insert(quarantine_bodies).values(item=held.id, body=body))


async def page(tx: AsyncConnection, narrow: Filter, *, limit: int, offset: int) -> list[Held]:
    """Messages on nodes that can be reached, newest first."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(_REACHABLE, *_conditions(narrow))
        .order_by(_item.arrived_ms.desc(), _item.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [of(row) for row in rows.mappings()]


def order(narrow: Filter) -> Keyset:
    """The order of pages: the same whatever they are narrowed to, by the columns whose index serves."""
    return _BY if narrow.recipient is None else _BY_RECIPIENT


def select_from(tenant: str, narrow: Filter, *, first: bool = True) -> Select[Any]:
    """Messages of a tenant for `core.paging`, in `order(narrow)`; rows become messages by `of`.

    `first`: no cursor is given. After one, the end of the period says nothing that its place does not.
    """
    narrow = narrow if first else replace(narrow, until_ms=None)
    found = select(*_COLUMNS).where(_item.tenant == tenant, *_conditions(narrow))
    if narrow.recipient is None:
        return found
    mine = (_to.item == _item.id, _to.tenant == tenant, _to.recipient == _plain(narrow.recipient))
    return found.add_columns(_to.arrived_ms, _to.item).where(*mine)


def named(item_id: str) -> Select[Any]:
    """The message of that id, whatever became of it."""
    return select(*_COLUMNS).where(_item.id == item_id)


def placed(node_id: str, queue_id: str) -> Select[Any]:
    """The message that lies there now."""
    return select(*_COLUMNS).where(
        _item.state.in_(LYING), _item.node_id == node_id, _item.queue_id == queue_id
    )


async def find(tx: AsyncConnection, node_id: str, queue_id: str) -> Held | None:
    """A message that lies there now, of any tenant."""
    row = (await tx.execute(placed(node_id, queue_id))).mappings().one_or_none()
    return None if row is None else of(row)


async def get(tx: AsyncConnection, item_id: str) -> Held | None:
    """A message of any tenant, whatever became of it."""
    row = (await tx.execute(named(item_id))).mappings().one_or_none()
    return None if row is None else of(row)


async def due(tx: AsyncConnection, now_ms: int, limit: int, *, not_on: Collection[str] = ()) -> list[Held]:
    """Messages whose time is over, of all tenants, but for those on these nodes."""
    over = (_item.state.in_(OPEN), _item.expires_ms <= now_ms, _item.node_id.not_in(sorted(not_on)))
    rows = await tx.execute(select(*_COLUMNS).where(*over).order_by(_item.expires_ms).limit(limit))
    return [of(row) for row in rows.mappings()]


async def body(tx: AsyncConnection, held: Held) -> bytes | None:
    """Its bytes as they were received, where they lie in the database; `None` otherwise."""
    found = await tx.execute(select(quarantine_bodies.c.body).where(quarantine_bodies.c.item == held.id))
    kept = found.scalar_one_or_none()
    return None if kept is None else bytes(kept)


async def step(
    tx: AsyncConnection,
    held: Held,
    to: State,
    now_ms: int,
    *,
    only_from: Collection[State] = OPEN,
    detail: str = "",
) -> bool:
    """Bring a message into another state. False: it is in none of those it may be in, somebody was faster.

    Bytes in the database go with the message when it ends; a file is removed after the commit, by its owner.
    """
    state = {"state": to, "state_ms": now_ms, "state_detail": detail}
    done = await tx.execute(
        update(quarantine_items).where(_item.id == held.id, _item.state.in_(only_from)).values(**state)
    )
    if done.rowcount and to in _ENDED:
        await tx.execute(delete(quarantine_bodies).where(quarantine_bodies.c.item == held.id))
    return bool(done.rowcount)


async def label(tx: AsyncConnection, held: Held, klass: str) -> bool:
    """What people say it is. False: that is what they said before."""
    new = (_item.id == held.id, _item.label != klass)
    return bool((await tx.execute(update(quarantine_items).where(*new).values(label=klass))).rowcount)


async def purge(tx: AsyncConnection, before_ms: int) -> int:
    """Forget messages that ended before that moment. Returns how many."""
    over = (_item.state.in_(_ENDED), _item.state_ms < before_ms)
    await tx.execute(delete(quarantine_recipients).where(_to.item.in_(select(_item.id).where(*over))))
    return (await tx.execute(delete(quarantine_items).where(*over))).rowcount


async def count(tx: AsyncConnection) -> int:
    """How many messages lie there."""
    lying = select(func.count()).select_from(quarantine_items).where(_item.state.in_(LYING))
    return int((await tx.execute(lying)).scalar_one())


def _conditions(narrow: Filter) -> Sequence[ColumnElement[bool]]:
    time = order(narrow).time
    table: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (narrow.domain, _item.domain.__eq__),
        (narrow.since_ms, time.__ge__),
        (narrow.until_ms, time.__le__),
        (narrow.min_score, _item.score.__ge__),
        (narrow.max_score, _item.score.__le__),
        (narrow.reason, _item.reason.__eq__),
        (narrow.sender, _from),
    )
    where = [compare(value) for value, compare in table if value is not None]
    if narrow.state != "any":
        where.append(_item.still_there == 1 if narrow.state is None else _item.state == narrow.state)
    return where


def _from(asked: str) -> ColumnElement[bool]:
    if _is_address(asked):
        return _item.sender == asked
    tail = "@" + asked.lstrip("@")
    end = func.substr(_item.sender, func.length(_item.sender) - len(tail) + 1)
    return or_(_item.sender == asked, end == tail)


def _is_address(text: str) -> bool:
    return "@" in text.strip("@")


def _plain(recipient: str) -> str:
    return recipient.lower()


def of(row: RowMapping) -> Held:
    """The message of a row."""
    fields = {name: row[name] for name in Held.__dataclass_fields__}
    return Held(**{**fields, "recipients": tuple(row["recipients"]), "symbols": tuple(row["symbols"])})
