"""Writing the chain: one a tenant, dense, each entry sealed over itself and the hash of the one before it."""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Change, Entry
from core.audit.keys import derive
from core.audit.legible import legible
from core.audit.plain import canonical, plain
from core.store import meta, order
from core.store.clock import Clock, wall_clock
from core.store.tables import audit_entries, audit_heads
from hub.sql import upsert
from hub.sql.columns import writable

__all__ = ["SEALED", "Chain", "WrongKey"]

SEALED = (
    *("tenant", "seq", "id", "node_id", "number", "at_ms", "actor_type", "actor", "key_prefix", "ip"),
    *("action", "resource_type", "resource", "domain", "result", "reason", "request_id"),
    *("details", "before", "after", "prev_hash"),
)
"""Every column but the hash itself."""
_CHECK = "audit_key_check"


Told = Callable[[AsyncConnection, str, Sequence[Change]], Awaitable[None]]


class WrongKey(Exception):
    """Another key sealed this log: entries of both keys in one chain could not be verified."""


class Chain:
    """The audit log for who writes it.

    Args:
        key: of `core.audit.keys.load`, or another secret that the database does not hold.
        node_id: which process wrote an entry; part of its id.
        clock: milliseconds since the epoch.
        told: is called with the changes of a transaction, in it.

    """

    def __init__(
        self,
        key: bytes,
        *,
        node_id: str = "node-1",
        clock: Clock = wall_clock,
        told: Told | None = None,
    ) -> None:
        self._told = told
        self._key = derive(key, "entries")
        self._node_id = node_id
        self._clock = clock

    @property
    def node_id(self) -> str:
        """The process that writes."""
        return self._node_id

    def at(self, clock: Clock, *, node_id: str | None = None) -> "Chain":
        """The same chain for who writes by another clock, and as another node when one is named."""
        other = copy(self)
        other._clock = clock  # noqa: SLF001 - of our own class
        other._node_id = node_id or self._node_id  # noqa: SLF001 - of our own class
        return other

    async def confirm(self, tx: AsyncConnection) -> None:
        """Call once at the start. Raises `WrongKey` when this database was begun with another key."""
        if not await self.known(tx):
            await meta.put(tx, _CHECK, self._check())

    async def known(self, tx: AsyncConnection) -> bool:
        """Whether this database was begun with this key; false when it was never begun. Raises `WrongKey`."""
        begun = await meta.get(tx, _CHECK)
        if begun is not None and not hmac.compare_digest(begun, self._check()):
            raise WrongKey(
                "the audit log was begun with another key: give that one (the variable MXHUB_AUDIT_KEY, "
                "or the file audit.key of the data directory)"
            )
        return begun is not None

    async def append(self, tx: AsyncConnection, tenant: str, change: Change) -> Entry:
        """Write one entry, in the transaction of the change itself.

        Other writers of audit entries wait from here to the end of the transaction: call it late.
        """
        return (await self.append_many(tx, tenant, (change,)))[0]

    async def append_many(self, tx: AsyncConnection, tenant: str, changes: Sequence[Change]) -> list[Entry]:
        """Write entries that follow each other, in few statements however many there are; see `append`."""
        if not changes:
            return []
        await order.in_commit_order(tx)
        number = await meta.count_up(tx, f"audit:{self._node_id}", len(changes)) - len(changes)
        seq, prev_hash = await _next(tx, tenant, len(changes))
        at_ms, rows = self._clock(), []
        for step, change in enumerate(changes, start=1):
            place = {"tenant": tenant, "seq": seq + step, "node_id": self._node_id, "number": number + step}
            own = {"id": f"{self._node_id}:{number + step}", "at_ms": at_ms, "prev_hash": prev_hash}
            row: dict[str, Any] = {**place, **own, **_columns(change)}
            prev_hash = row["hash"] = self.seal(row)
            rows.append(row)
        await tx.execute(insert(audit_entries), rows)
        await tx.execute(update(audit_heads).where(audit_heads.c.tenant == tenant).values(hash=prev_hash))
        if self._told is not None:
            await self._told(tx, tenant, changes)
        return [Entry.of(row, sealed=True) for row in rows]

    def seal(self, row: Mapping[Any, Any], *, seq: int | None = None) -> str:
        """What the hash of a row should be; of another `seq` when one is given."""
        body = {name: row[name] for name in SEALED}
        if seq is not None:
            body["seq"] = seq
        return hmac.digest(self._key, canonical(body), "sha256").hex()

    def holds(self, row: Mapping[Any, Any], *, seq: int | None = None) -> bool:
        """Whether a row is as it was written, under another `seq` when one is given.

        Says nothing of the rows around it. One that never could have been written does not hold: SQLite keeps
        values of any kind in any column.
        """
        try:
            return hmac.compare_digest(self.seal(row, seq=seq), row["hash"])
        except (ValueError, TypeError, RecursionError):
            return False

    def _check(self) -> str:
        return derive(self._key, "check").hex()

    def entry(self, row: Mapping[Any, Any]) -> Entry:
        """The entry of a row, with its integrity."""
        sealed = self.holds(row)
        return Entry.of(row if sealed else legible(row), sealed=sealed)


async def _next(tx: AsyncConnection, tenant: str, how_many: int) -> tuple[int, str]:
    """The number and hash of the tenant's last entry (0 and nothing before the first); takes so many numbers.

    The head stays locked to the end of the transaction: two writers never follow the same entry.
    """
    new = upsert.insert(tx, audit_heads).values(tenant=tenant, seq=how_many, hash="")
    moved = new.on_conflict_do_update(
        index_elements=["tenant"], set_={"seq": audit_heads.c.seq + how_many}
    ).returning(audit_heads.c.seq, audit_heads.c.hash)
    row = (await tx.execute(moved)).one()
    return row.seq - how_many, row.hash


def _columns(change: Change) -> dict[str, Any]:
    """What a change fills of a row."""
    actor, thing = change.actor, change.resource
    texts = {
        "actor_type": actor.type,
        "actor": actor.id,
        "key_prefix": actor.key_prefix,
        "ip": actor.ip,
        "action": change.action,
        "resource_type": thing.type,
        "resource": f"{thing.type}/{thing.id}" if thing.id else thing.type,
        "domain": thing.domain,
        "result": change.result,
        "reason": change.reason,
        "request_id": change.request_id,
    }
    said = {name: plain(getattr(change, name)) for name in ("details", "before", "after")}
    return {**{name: writable(text) for name, text in texts.items()}, **said}
