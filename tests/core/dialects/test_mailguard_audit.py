import random

import pytest

from core.dialects.mailguard import cursor
from core.store.audit import Position, Query
from core.store.clock import DAY_MS
from tests.factories.core import NOW_MS

KEY = b"k" * 32


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
    await api.heard("node-0", present=True)
    added = []

    async def between():
        if len(added) < 20:
            added.append(await api.note(NOW_MS + rng.randrange(0, 2000), node="node-0"))

    seen = await walk(api, limit=rng.randrange(1, 5), between=between)

    assert [entry for entry in seen if entry in written] == written
    assert len(seen) == len(set(seen))


async def test_late_entries_of_a_returning_node_are_found_by_reading_again(api):
    await api.heard("node-2")
    on_time = await api.note(NOW_MS + 50)
    late = await api.note(NOW_MS, node="node-2")
    before, word = await walk(api), (await api.call("GET", "/audit/logs"))[2]["message"]
    await api.heard("node-2", present=True)

    assert (before, word) == ([on_time], "OK; temporarily unreachable: node-2")
    assert await walk(api) == [late, on_time]


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


async def test_an_old_cursor_is_410_and_an_invented_one_400(api):
    for number in range(4):
        await api.note(NOW_MS + number)
    _, _, first = await api.call("GET", "/audit/logs", params={"limit": 1})
    api.clock.advance(DAY_MS / 1000 + 1)
    old, _, body = await api.call("GET", "/audit/logs", params={"cursor": first["next_cursor"]})

    assert (old, body["error"]) == (410, "cursor has expired: start again with from=")
    for wrong in ("x", "ü", "=", "A" * 5000, first["next_cursor"][:-2], first["next_cursor"] + "AAAA"):
        assert (await api.call("GET", "/audit/logs", params={"cursor": wrong}))[0] in (400, 410)


async def test_a_domain_keys_cursor_cannot_be_widened_by_another(api):
    key = await api.key("domain-admin", domain="acme.example")
    for number in range(3):
        await api.hold(number)
        await api.call("POST", f"/mail/quarantine/node-1/{number:08X}/release")
    _, _, narrow = await api.call("GET", "/audit/logs", key=key, params={"limit": 1})
    _, _, wide = await api.call("GET", "/audit/logs", params={"limit": 1})
    stolen, _, _ = await api.call("GET", "/audit/logs", key=key, params={"cursor": wide["next_cursor"]})

    assert narrow["next_cursor"] is not None
    assert stolen == 400


def test_a_cursor_reads_back_as_it_was_written():
    query = Query(from_ms=1, actor="admin")
    found = cursor.read(KEY, cursor.write(KEY, Position(5, "node-1", 7), query, 100), 100, 50)

    assert (found.position, found.query) == (Position(5, "node-1", 7), query)


def test_any_flipped_bit_of_a_cursor_is_noticed():
    text = cursor.write(KEY, Position(5, "node-1", 7), Query(), 100)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for index, character in enumerate(text[:-1]):
        changed = text[:index] + next(c for c in alphabet if c != character) + text[index + 1 :]
        with pytest.raises(cursor.CursorInvalid):
            cursor.read(KEY, changed, 100, 50)
