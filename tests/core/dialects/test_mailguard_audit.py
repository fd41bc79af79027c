import random

import pytest
from sqlalchemy import text

from core.sandbox.cluster import Cluster
from core.store.tables import audit_entries
from tests.factories.core import NOW_MS, still_pace


async def walk(api, limit=3, between=None, **filters):
    """Every page's ids; `between` runs after each page."""
    seen, following = [], None
    while True:
        params = {"limit": limit, **filters, **({"cursor": following} if following else {})}
        status, _, body = await api.call("GET", "/audit/logs", params=params)
        assert status == 200, body
        seen += [entry["id"] for entry in body["data"]]
        following = body["next_cursor"]
        if following is None:
            return seen
        if between is not None:
            await between()


async def test_pages_are_ascending_complete_and_end_with_no_cursor(api):
    written = [await api.note(NOW_MS + n * 10) for n in range(10)]

    assert await walk(api) == written
    assert await walk(api, limit=1000) == written


@pytest.mark.parametrize("seed", range(5))
async def test_a_walk_is_stable_while_entries_are_added_before_and_after(api, seed):
    rng = random.Random(seed)
    written = [await api.note(NOW_MS + 1000 + n * 10) for n in range(10)]
    added = []

    async def between():
        if len(added) < 20:
            added.append(await api.note(NOW_MS + rng.randrange(0, 2000), node="node-0"))

    seen = await walk(api, limit=rng.randrange(1, 5), between=between)

    assert [entry for entry in seen if entry in written] == written
    assert len(seen) == len(set(seen))


async def test_late_entries_of_a_returning_node_are_found_by_reading_again(api):
    pace = still_pace(partner_joins_s=0, partner_stays_s=0, partner_away_s=600)
    cluster = Cluster("node-1", ("node-2",), pace, random.Random(1))
    await api.heard("node-2", present=False)
    on_time = await api.note(NOW_MS + 3_000_000)

    async def beat(at_s):
        async with api.core.database.begin() as tx:
            await cluster.beat(tx, api.core.chain, NOW_MS + at_s * 1000)

    async with api.core.database.begin() as tx:
        await cluster.begin(tx, NOW_MS)
    for at_s in range(30, 600, 30):
        await beat(at_s)
    before, word = await walk(api), (await api.call("GET", "/audit/logs"))[2]["message"]
    await beat(700)
    after = await walk(api)

    assert (before, word) == ([on_time], "OK; temporarily unreachable: node-2")
    assert after[-1] == on_time
    assert len(after) > 1
    assert all(entry.startswith("node-2:") for entry in after[:-1])


async def test_an_entry_altered_behind_the_back_is_flagged(api):
    for number in range(2):
        await api.note(NOW_MS + number)
    async with api.core.database.begin() as tx:
        await tx.execute(text("DROP TRIGGER audit_entries_change"))
        await tx.execute(audit_entries.update().where(audit_entries.c.number == 1).values(actor="nobody"))

    assert [entry["integrity"] for entry in await api.data("/audit/logs")] == ["violation", "ok"]


async def test_filters_hold_for_the_whole_walk(api):
    for number in range(6):
        await api.note(NOW_MS + number, name="admin" if number % 2 else "m.keller")

    assert await walk(api, limit=1, actor="admin") == ["node-1:2", "node-1:4", "node-1:6"]
    assert len(await walk(api, **{"from": "2026-05-01T07:22:13.002Z"})) == 4
    assert len(await walk(api, to="2026-05-01T09:22:13.002+02:00")) == 3
    assert len(await walk(api, resource="user/admin")) == 3


async def test_a_cursor_may_come_alone_but_not_with_other_filters(api):
    for number in range(4):
        await api.note(NOW_MS + number)
    _, _, first = await api.call("GET", "/audit/logs", params={"limit": 1, "actor": "admin"})
    following = first["next_cursor"]
    alone, _, page = await api.call("GET", "/audit/logs", params={"limit": 1, "cursor": following})
    other, _, body = await api.call("GET", "/audit/logs", params={"cursor": following, "actor": "eve"})

    assert (alone, [entry["id"] for entry in page["data"]]) == (200, ["node-1:2"])
    assert (other, "other filters" in body["error"]) == (400, True)


async def test_an_invented_or_altered_cursor_is_refused(api):
    for number in range(4):
        await api.note(NOW_MS + number)
    _, _, first = await api.call("GET", "/audit/logs", params={"limit": 1, "actor": "admin"})
    good = first["next_cursor"]
    place, _, filters = good.partition(".")
    wider = f"{place}.eyJhY3RvciI6ICJldmUifQ"  # {"actor": "eve"}
    altered = (place, wider, f"{place}.W10", f"{place}.{filters}A", good[:-2] + "!")
    for wrong in ("x", "ü", "=", "A" * 5000, *altered):
        status, _, body = await api.call("GET", "/audit/logs", params={"cursor": wrong})
        assert (status in (400, 410), body["data"]) == (True, None), wrong


async def test_a_domain_keys_cursor_cannot_be_widened_by_another(api):
    key = await api.key("domain-admin", domain="acme.example")
    for number in range(3):
        await api.hold(number, domain="acme.example" if number else "nordwind.example")
        await api.call("POST", f"/mail/quarantine/node-1/{number:08X}/discard")
    _, _, wide = await api.call("GET", "/audit/logs", params={"limit": 1})
    _, _, own = await api.call("GET", "/audit/logs", key=key, params={"cursor": wide["next_cursor"]})

    assert [entry["resource"] for entry in own["data"]] == [
        "quarantine/node-1/00000001",
        "quarantine/node-1/00000002",
    ]
