"""Writers that come at once leave a dense chain, in which each entry follows the one before it."""

import asyncio
from contextlib import AsyncExitStack

from sqlalchemy import select

from core.audit.anchors import Anchors
from core.audit.verify import verify
from core.store import outbox
from core.store.database import Database
from core.store.tables import audit_entries, outbox_events
from tests.factories.audit import KEY, chain, change
from tests.factories.core import NOW_MS

PROCESSES, WRITERS, EACH = 2, 6, 8
TENANTS = ("acme", "globex")


async def test_many_writers_of_many_processes_leave_dense_chains(core_url, tmp_path):
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(Database(core_url)) for _ in range(PROCESSES)]
        chains = [chain(node_id=f"node-{number}") for number in range(PROCESSES)]

        async def writer(database, own, number):
            for turn in range(EACH):
                tenant = TENANTS[(number + turn) % len(TENANTS)]
                async with database.begin() as tx:
                    if turn % 2:  # events and entries in either order: nobody waits for ever
                        await outbox.emit(tx, "domain.updated", own.node_id, NOW_MS, {}, tenant=tenant)
                    await own.append(tx, tenant, change(number))
                    if not turn % 2:
                        await outbox.emit(tx, "domain.updated", own.node_id, NOW_MS, {}, tenant=tenant)

        async with asyncio.timeout(60):
            await asyncio.gather(
                *(
                    writer(database, own, number)
                    for database, own in zip(databases, chains, strict=True)
                    for number in range(WRITERS)
                )
            )
        row = audit_entries.c
        async with databases[0].read() as tx:
            numbers = {
                tenant: list(
                    (
                        await tx.execute(select(row.seq).where(row.tenant == tenant).order_by(row.seq))
                    ).scalars()
                )
                for tenant in TENANTS
            }
            events = list((await tx.execute(select(outbox_events.c.seq))).scalars())
        count = PROCESSES * WRITERS * EACH // len(TENANTS)

        assert numbers == {tenant: list(range(1, count + 1)) for tenant in TENANTS}
        assert sorted(events) == list(range(1, 2 * count + 1))
        assert await verify(databases[0], chains[0], Anchors(tmp_path / "anchors", KEY)) == []
