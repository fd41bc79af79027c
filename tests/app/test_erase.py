"""A tenant is erased through the whole hub: closed, its references ended, its events gone, on record."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hub.app import upkeep
from hub.app.hub import Hub
from hub.archive.query import Query
from hub.pipeline import erase
from hub.store.base import Fate, Tally
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings, written
from tests.servers.place import QUICK

OTHER = (
    "  other: {vendor: mailguard, tenant: globex, secrets: [fuzz-secret-of-the-vendor], signature: hmac-hex}"
)
CUSTOMER = OTHER.replace("other", "customer").replace("globex", "acorn")


@pytest.fixture
def folder():
    with TemporaryDirectory(prefix="mxe", dir=QUICK) as name:
        yield Path(name)


@pytest.fixture
def make(folder, log_server, redis, monkeypatch):
    """Settings with two customers beside the hub's own tenant; `stuck` delivers nothing."""
    monkeypatch.setattr(erase, "SETTLE_MS", 200)
    monkeypatch.setattr(upkeep, "PAUSE_S", 0.05)
    connectors = (
        f'  all: {{kind: file, path: "{folder}/all.ndjson"}}\n'
        f'  stuck: {{kind: file, path: "{folder}/missing/stuck.ndjson", probe_most_s: 0.5}}'
    )
    return lambda **options: settings(
        folder, log_server.url, **({"sources": f"{OTHER}\n{CUSTOMER}", "connectors": connectors} | options)
    )


def hub_of(made):
    return Hub(made, BOTH, registry=REGISTRY)


async def filled(hub, folder):
    """Three events of each of two customers, alternating, delivered to `all` and waiting at `stuck`."""
    for n in range(3):
        assert (await post(hub, n, "customer"))[0] == 202
        assert (await post(hub, n, "other"))[0] == 202
    await come_true(lambda: len(written(folder / "all.ndjson")) == 6)


async def erased(hub, tenant="acorn"):
    """Ask, wait until it is on record."""
    await hub.services.erasures.start(tenant, "ann")

    async def done():
        return await hub.services.erasures.running(tenant) is None

    await come_true(done, 60)
    return hub.services.erasures.records(check=True)[-1]


async def count(hub, tenant):
    return await hub.readers.run(hub.archive.count, Query(tenant=(tenant,)))


async def books(hub):
    return {book.connector: book for book in await hub.store.log.books()}


async def test_an_erased_tenant_is_gone_and_on_record_and_the_books_are_true(folder, make):
    async with hub_of(make()) as hub:
        await filled(hub, folder)

        check = await erased(hub)

        record, found = check.record, await books(hub)
        assert check.problem is None
        assert (record.tenant, record.asked_by, record.events) == ("acorn", "ann", 3)
        assert record.places["references:stuck"] == 3
        assert record.places["delivered:all"] == 3
        assert any("all cannot be erased from here" in note for note in record.notes)
        assert (await count(hub, "acorn"), await count(hub, "globex")) == (0, 3)
        assert found["stuck"].dropped_by == {"erased": 3}
        assert found["stuck"].pending >= 3
        assert all(book.balanced for book in found.values())


async def test_what_a_sender_counts_while_its_references_end_is_not_told_of(folder, make):
    async with hub_of(make()) as hub:
        await filled(hub, folder)
        log, strike = hub.store.log, hub.store.log.strike

        async def late(name, wanted, reason):
            if name == "stuck" and (refs := (await log.peek(name, 1, now_ms=hub.now_ms())).refs):
                counted = Tally(
                    key="storm:x", n=1, due_ms=2**40, first_ms=1, last_ms=1, severity=3,
                    about='{"tenant":"acorn","kind":"quarantine.added","sender":"a@x.example"}',
                    parts={"quarantine.added": 1},
                )  # fmt: skip
                await log.settle(
                    name, refs, [Fate("delivered")], ["ab"], now_ms=hub.now_ms(), tallies=[counted]
                )
            return await strike(name, wanted, reason)

        log.strike = late
        record = (await erased(hub)).record

        (row,) = await log.rows(now_ms=hub.now_ms(), name="stuck")
        assert row.tallied == 0
        assert record.places["untold:stuck"] == 1


async def test_the_hub_says_so_in_an_event_of_its_own(folder, make):
    async with hub_of(make()) as hub:
        await filled(hub, folder)
        record = (await erased(hub)).record

        async def told():
            return (
                len((await hub.readers.run(hub.archive.search, Query(code=("hub.tenant_erased",)))).hits) == 1
            )

        await come_true(told)
        (hit,) = (await hub.readers.run(hub.archive.search, Query(code=("hub.tenant_erased",)))).hits
        assert record.hash.encode() in hit.body


async def test_a_closed_tenant_is_410_until_it_is_reopened_and_an_old_event_stays_unknown(folder, make):
    async with hub_of(make()) as hub:
        await filled(hub, folder)
        await erased(hub)

        refused, said = await post(hub, 7, "customer")
        others = (await post(hub, 7, "other"))[0]
        await hub.services.erasures.reopen("acorn")
        again = (await post(hub, 1, "customer"))[1]
        fresh = (await post(hub, 9, "customer"))[1]

        assert (refused, said["error"]["code"], others) == (410, "tenant_erased", 202)
        assert (again["accepted"], again["duplicate"]) == (0, 1)
        assert (fresh["accepted"], fresh["duplicate"]) == (1, 0)


async def test_a_hub_that_ends_in_the_middle_carries_on_after_its_next_start(folder, make, monkeypatch):
    reached = asyncio.Event()

    async def hanging(self, archive, erasure):
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(erase.Eraser, "_rewrite_log", hanging)
        async with hub_of(make()) as hub:
            await filled(hub, folder)
            await hub.services.erasures.start("acorn", "ann")
            await asyncio.wait_for(reached.wait(), 60)
    async with hub_of(make()) as hub:

        async def done():
            return await hub.services.erasures.running("acorn") is None

        await come_true(done, 60)
        (check,) = hub.services.erasures.records(check=True)
        assert (check.record.events, check.problem) == (3, None)
        assert check.record.places["delivered:all"] == 3
        assert (await post(hub, 1, "customer"))[0] == 410


async def test_what_holds_it_up_is_named_and_it_goes_on_by_itself(folder, make, monkeypatch):
    async with hub_of(make()) as hub:
        await filled(hub, folder)
        trim = hub.store.log.trim

        async def refusing(to):
            return 0

        async def trimmed():
            head = await hub.store.log.head()
            return head.trim == head.seq

        await come_true(trimmed)
        hub.store.log.trim = refusing
        await post(hub, 50, "other")
        await hub.services.erasures.start("acorn", "ann")

        async def held():
            running = await hub.services.erasures.running("acorn")
            return running is not None and "the log is trimmed to event" in running.holder

        await come_true(held, 20)
        hub.store.log.trim = trim
        await hub.keeper.trim()

        async def done():
            return await hub.services.erasures.running("acorn") is None

        await come_true(done, 60)
        assert await count(hub, "acorn") == 0


async def test_a_reference_that_comes_in_late_ends_as_dropped_when_it_is_looked_at(folder, make):
    async with hub_of(make()) as hub:
        await filled(hub, folder)
        await erased(hub)
        seqs = sorted(hub.archive.erased(0, range(1, 100)))
        await hub.store.log.push("all@late", seqs, now_ms=hub.now_ms())

        async def ended():
            return (await books(hub))["all@late"].dropped_by == {"erased": 3}

        await come_true(ended, 20)
        assert (await books(hub))["all"].blocked is None


async def test_the_hubs_own_health_stays_when_its_tenant_is_erased(folder, make, monkeypatch):
    monkeypatch.setattr("hub.app.connectors.TELL_AFTER_MS", 0)
    async with hub_of(make()) as hub:
        await filled(hub, folder)
        await post(hub, 70, "hook")

        async def blocked():
            return await hub.readers.run(hub.archive.count, Query(code=("hub.connector_blocked",))) >= 1

        await come_true(blocked, 20)
        check = await erased(hub, "acme")

        own = await hub.readers.run(hub.archive.count, Query(tenant=("acme",), source=("mxhub",)))
        assert check.record.events == 1
        assert own >= 1


async def test_cursors_captures_and_status_of_its_sources_go(folder, make):
    from hub.store.base import CursorMove

    async with hub_of(make()) as hub:
        await filled(hub, folder)
        await hub.services.captures.start("customer", 5)
        await hub.services.captures.start("other", 5)
        for source in ("customer", "other"):
            await hub.store.log.record([], CursorMove(f"{source}/audit", None, "c"), now_ms=hub.now_ms())

        record = (await erased(hub)).record

        assert (record.places["cursors"], record.places["captures"]) == (1, 1)
        assert set(await hub.store.log.cursors()) == {"other/audit"}
        assert {one.source for one in await hub.services.captures.list()} == {"other"}
