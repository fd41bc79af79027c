"""Webhooks through the delivery engine, over real HTTP."""

import orjson
import pytest
from sqlalchemy import select

from core.audit.entry import Resource
from core.outward.letter import body_of
from core.service import webhooks
from core.service.by import By, Deed, record
from core.store import feed
from core.store import webhooks as stored
from core.store.tables import audit_entries, outbox_events, webhook_deliveries
from core.store.tables import webhooks as table
from tests.factories.core_api import OPERATOR_BY
from tests.factories.outward import hook, running, until


async def add(core, url, *, by=OPERATOR_BY, **more):
    async with core.database.begin() as tx:
        return await webhooks.create(core, tx, by, webhooks.New(url=url, **more))


async def happen(core, count=1, name="domain.created", by=OPERATOR_BY):
    """Changes that tell of themselves; returns the ids of their events."""
    async with core.database.begin() as tx:
        for number in range(count):
            thing = Resource(type="domain", id=f"d{number}", domain="acme.example")
            await record(
                core, tx, by, Deed(action="domain.create", resource=thing, event=name, data={"n": number})
            )
    async with core.database.read() as tx:
        found = await tx.execute(select(outbox_events.c.id).order_by(outbox_events.c.seq.desc()).limit(count))
        return list(found.scalars())[::-1]


async def rows(core, of):
    async with core.database.read() as tx:
        return (await tx.execute(select(of))).all()


@pytest.fixture
def core(make):
    return make


@pytest.fixture
async def make(database, buckets, tmp_path):
    from contextlib import AsyncExitStack

    from tests.factories.core_api import make_core

    async with AsyncExitStack() as stack:
        yield await make_core(database, buckets, tmp_path / "core", stack, allow_networks=["127.0.0.0/8"])


async def test_an_event_arrives_proven_by_the_standards_own_library(core):
    async with hook() as receiver:
        made = await add(core, receiver.url)
        receiver.secrets = [made.secret]
        async with running(core):
            ids = await happen(core, 3)
            await until(lambda: len(receiver.taken) == 3)

    assert sorted(event["id"] for event in receiver.taken) == sorted(ids)
    assert sorted(receiver.ids) == sorted(ids)
    assert receiver.forged == 0
    assert {"id", "event", "type", "timestamp", "tenant", "data"} <= set(receiver.taken[0])
    assert receiver.taken[0]["type"] == receiver.taken[0]["event"] == "domain.created"
