"""Held mail ends by its age, once, on record, with its file."""

from dataclasses import replace

import pytest

from core.seam import files
from core.service import expiry, quarantine
from core.store import estate
from core.store import quarantine as stored
from tests.factories.core import NOW_MS, held, raw_mail
from tests.factories.judged import by, entries, hold, put_domains, told

ALL = by()
SOON = NOW_MS + 10


async def test_what_is_too_old_ends_and_is_told_once(core):
    await put_domains(core, "acme.example")
    name = files.file_name(core, "qua_file")
    await files.store(core, "quarantine", name, raw_mail())
    async with core.database.begin() as tx:
        await stored.add(tx, held(1, file=name, expires_ms=SOON))
    await hold(core, 2, expires_ms=SOON, state="release_failed")
    await hold(core, 3, expires_ms=SOON + 1)
    await hold(core, 4, expires_ms=SOON, state="releasing")
    core.clock.now_ms = SOON

    assert [await expiry.expire(core), await expiry.expire(core)] == [2, 0]

    async with core.database.read() as tx:
        found = await quarantine.listing(core, tx, ALL, quarantine.Filter(state="any"))
    assert [one.state for one in found.items] == ["releasing", "held", "expired", "expired"]
    assert [event.name for event in await told(core)] == ["quarantine.expired"] * 2
    assert {(entry.action, entry.actor.type, entry.actor.id) for entry in await entries(core)} == {
        ("quarantine.expire", "system", "scheduler")
    }
    assert not files.folder(core, "quarantine").has(name)


async def test_what_lies_on_another_node_is_that_nodes_to_end_while_it_is_there(core):
    await hold(core, 1, node_id="node-2", expires_ms=SOON)
    core.clock.now_ms = SOON
    ended = []
    for present in (True, False):
        async with core.database.begin() as tx:
            await estate.beat(tx, "node-2", "", SOON)
            await estate.set_present(tx, "node-2", present=present)
        ended.append(await expiry.expire(core))

    assert ended == [0, 1]


@pytest.mark.slow
async def test_more_than_fit_into_one_transaction_all_end(core):
    async with core.database.begin() as tx:
        for number in range(1, 231):
            await stored.add(tx, held(number, expires_ms=SOON))
    core.clock.now_ms = SOON

    assert await expiry.expire(core) == 230


async def test_a_release_that_began_at_that_moment_keeps_its_file(core, monkeypatch):
    await put_domains(core, "acme.example")
    name = files.file_name(core, "qua_file")
    await files.store(core, "quarantine", name, raw_mail())
    seen = held(1, file=name, expires_ms=SOON)
    async with core.database.begin() as tx:
        await stored.add(tx, replace(seen, state="releasing"))
    stale = [[seen], []]

    async def due(*_, **__):
        return stale.pop(0)

    monkeypatch.setattr(stored, "due", due)

    assert await expiry.expire(core) == 0
    assert files.folder(core, "quarantine").has(name)
    assert await entries(core) == []
