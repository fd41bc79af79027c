"""A domain that goes, and those who write for it at the same moment."""

import asyncio

from core.engine.verdict import Thresholds
from core.store import domain_removal, domains
from core.store.tables import domains as table
from tests.factories.core import NOW_MS


async def test_who_was_told_that_a_domain_stays_has_written_before_it_goes(database):
    async with database.begin() as tx:
        await domains.add(
            tx, "acme.example", backends=["192.0.2.1:25"], thresholds=Thresholds(), now_ms=NOW_MS
        )
        domain = (await tx.execute(table.select())).one()
    order = []
    told = asyncio.Event()

    async def write():
        async with database.begin() as tx:
            assert await domain_removal.stays(tx, domain.id)
            told.set()
            await asyncio.sleep(0.05)
            order.append("written")

    async def remove():
        await told.wait()
        async with database.begin() as tx:
            await domain_removal.begin(tx, domain.tenant, [domain.name])
            order.append("removed")
            await domain_removal.remove(tx, domain.tenant, [domain.name])

    await asyncio.gather(write(), remove())

    assert order == ["written", "removed"]
    async with database.begin() as tx:
        assert not await domain_removal.stays(tx, domain.id)
