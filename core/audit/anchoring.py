"""Carries where each chain stands out of the database, once a minute."""

import asyncio
import hmac
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from sqlalchemy import RowMapping, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.anchors import Anchor, Anchors
from core.audit.chain import Chain
from core.audit.finding import Finding
from core.store import meta
from core.store.clock import Clock, wall_clock
from core.store.database import Database, Unavailable
from core.store.tables import audit_entries, audit_heads
from hub.sdk.offload import Offload
from hub.telemetry.metrics import METRICS

__all__ = ["INTERVAL_S", "SEEN", "Anchoring"]

_LOG = logging.getLogger("core.audit")
INTERVAL_S = 60.0
SEEN = "audit_anchors:"
"""Of `meta`, with the node behind it, for each process has files of its own: number and seal of their last
line, so that lines missing there show here."""


class Anchoring:
    """`await once()` at the start and the end, `await forever()` as a task in between."""

    def __init__(
        self, database: Database, chain: Chain, anchors: Anchors, *, clock: Clock = wall_clock
    ) -> None:
        self._database = database
        self._chain = chain
        self._anchors = anchors
        self._clock = clock
        self._disk = Offload("audit-anchors")
        self._busy = asyncio.Lock()

    async def forever(self, interval_s: float = INTERVAL_S) -> None:
        """Until cancelled. What goes wrong is logged and tried again a minute later."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                findings = await self.once()
            except (OSError, Unavailable) as error:
                _LOG.warning("the audit log was not anchored: %s", error)
                continue
            for finding in findings:
                _LOG.error("the audit log does not hold: %s", finding)

    def still(self) -> AbstractAsyncContextManager[None]:
        """Nothing is anchored by this process inside the block: files and database fit each other."""
        return self._busy

    async def missing(self) -> Sequence[tuple[Anchor, int]]:
        """The newest anchors whose entries the database does not have, and where those chains end in it.

        That is an older database, put in the place of the one that was anchored. It shows until a chain has
        grown beyond them and was anchored again. Raises as `once`.
        """
        known = await self._disk.run(self._anchors.heads)
        async with self._database.read() as tx:
            ends = {row["tenant"]: row["seq"] for row in await _heads(tx)}
            entry = audit_entries.c
            found = []
            for anchor in known.values():
                here = select(entry.hash).where(entry.tenant == anchor.tenant, entry.seq == anchor.seq)
                kept = (await tx.execute(here)).scalar_one_or_none()
                last = ends.get(anchor.tenant, 0)
                if last < anchor.seq or (kept is not None and kept != anchor.hash):
                    found.append((anchor, last))
        return found

    async def once(self) -> Sequence[Finding]:
        """Anchor every chain that has grown; what does not hold is reported instead.

        Raises `OSError` and `core.store.database.Unavailable`.
        """
        async with self._busy:
            return await self._anchor()

    async def _anchor(self) -> Sequence[Finding]:
        async with self._database.read() as tx:
            heads = await _heads(tx)
        known = await self._disk.run(self._anchors.heads)
        now_ms = self._clock()
        findings, grown = [], []
        for row in heads:
            finding = self._doubt(row, known.get(row["tenant"]))
            anchor = Anchor(row["tenant"], row["seq"], row["hash"], now_ms)
            if finding is not None:
                findings.append(finding)
            elif anchor[:3] != known.get(row["tenant"], anchor._replace(seq=0))[:3]:
                grown.append(anchor)
        line, seal = await self._disk.run(self._anchors.write, grown)
        if grown:
            async with self._database.begin() as tx:
                await meta.put(tx, SEEN + self._chain.node_id, f"{line}:{seal}")
        if not findings:
            METRICS.set("mxhub_core_anchored_timestamp_seconds", to=now_ms / 1000)
        return findings

    def _doubt(self, head: RowMapping, last: Anchor | None) -> Finding | None:
        """Why this head must not be anchored. `sealed` is the hash of the entry it names, if that holds."""
        tenant, seq = head["tenant"], head["seq"]
        if last is not None and seq < last.seq:
            return Finding(
                "truncated", tenant, seq + 1, last.seq, f"was at {last.seq} when it was last anchored"
            )
        if head["id"] is None:
            return Finding("removed", tenant, seq, seq, "the newest entry is gone")
        if not (self._chain.holds(head) and hmac.compare_digest(head["hash"], head["head_hash"])):
            return Finding("edited", tenant, seq, seq, "the newest entry does not hold")
        return None


async def _heads(tx: AsyncConnection) -> Sequence[RowMapping]:
    """Each head with the entry that it names."""
    head = audit_heads.c
    entry = and_(audit_entries.c.tenant == head.tenant, audit_entries.c.seq == head.seq)
    names = [column for column in audit_entries.c if column.name not in {"tenant", "seq", "hash"}]
    asked = select(head.tenant, head.seq, head.hash.label("head_hash"), audit_entries.c.hash, *names)
    found: Sequence[RowMapping] = (
        (await tx.execute(asked.select_from(audit_heads.outerjoin(audit_entries, entry)))).mappings().all()
    )
    return found
