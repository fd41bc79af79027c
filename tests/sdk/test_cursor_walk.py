"""Walks by cursor: nothing is skipped, nothing is endless, whatever the vendor and a kill do."""

# ruff: noqa: FBT001 -- hypothesis and parametrize hand truth values over
import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sdk.cursor_walk import MAX_REFUSALS
from hub.sdk.source import Answer, PollFailed
from hub.sdk.times import iso
from hub.sources.mailguard.streams import AUDIT, LOOKBACK_S
from tests.factories.listing import CursorList, Reader

NOW = 1_770_000_000_000
HOUR = 3_600_000


def _entry(number: int, time_ms: int) -> dict[str, Any]:
    return {"id": f"n:{number}", "timestamp": iso(time_ms), "action": "domain.update"}


def _reader(server: CursorList, lookback_s: float | None = None) -> Reader:
    return Reader(AUDIT.fetch(lookback_s), server.call, NOW)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 6),  # after which page it is written
        st.integers(0, 20).map(lambda n: NOW - n * HOUR),  # its time: late, tied and reordered ones
    ),
    max_size=25,
)


@settings(max_examples=120, deadline=None)
@given(EVENTS, st.integers(1, 5), st.booleans(), st.sampled_from([0, 2, 3, 5]))
def test_walks_and_a_look_back_see_every_entry(
    events: list[tuple[int, int]], cap: int, newest_first: bool, expire_every: int
) -> None:
    server = CursorList(cap=cap, newest_first=newest_first, expire_every=expire_every)
    reader, back = _reader(server), _reader(server, LOOKBACK_S)
    pending = sorted(enumerate(events), key=lambda pair: pair[1][0])
    pages = 0

    def write() -> None:
        nonlocal pages
        while pending and pending[0][1][0] <= pages:
            number, (_, time_ms) = pending.pop(0)
            server.entries.append(_entry(number, time_ms))
        pages += 1

    async def run() -> None:
        write()
        for _ in range(4):
            await reader.walk(write)
        write_all()
        await reader.walk()
        server.expire_every = 0
        await back.walk()
        await back.walk()

    def write_all() -> None:
        nonlocal pages
        pages = 99
        write()

    asyncio.run(run())

    assert reader.seen | back.seen == {e["id"] for e in server.entries}


async def test_a_first_walk_reads_everything_and_the_next_only_what_is_new() -> None:
    server = CursorList([_entry(n, NOW - (100 - n) * HOUR) for n in range(8)])
    reader = _reader(server)

    await reader.walk()
    first = len(server.requests)
    server.entries.append(_entry(99, NOW))
    await reader.walk()

    assert reader.seen == {e["id"] for e in server.entries}
    assert "from" not in server.requests[0]
    assert server.requests[first]["from"] == iso(NOW - 93 * HOUR - AUDIT.overlap_ms)


async def test_the_filters_of_the_first_page_are_repeated_with_its_cursor() -> None:
    server = CursorList([_entry(n, NOW - n) for n in range(10)])
    reader = _reader(server, LOOKBACK_S)

    await reader.walk()

    assert {params["from"] for params in server.requests} == {iso(NOW - 24 * HOUR)}


async def test_ties_at_the_edge_of_a_walk_are_read_again() -> None:
    server = CursorList([_entry(1, NOW - HOUR)])
    reader = _reader(server)

    await reader.walk()
    server.entries.append(_entry(2, NOW - HOUR))
    await reader.walk()

    assert reader.seen == {"n:1", "n:2"}


async def test_an_entry_from_the_future_hides_nothing() -> None:
    server = CursorList([_entry(1, NOW + 10**12)])
    reader = _reader(server)

    await reader.walk()
    server.entries.append(_entry(2, NOW))
    await reader.walk()

    assert reader.seen == {"n:1", "n:2"}


async def test_a_refused_cursor_is_a_gap_and_an_ascending_walk_goes_on_where_it_was() -> None:
    server = CursorList([_entry(n, NOW - (20 - n) * HOUR) for n in range(9)], expire_every=2)
    reader = _reader(server)

    await reader.walk()

    assert reader.seen == {e["id"] for e in server.entries}
    assert "cursor has expired" in reader.gaps[0]
    assert f"goes on from {iso(NOW - 18 * HOUR)}" in reader.gaps[0]


async def test_a_walk_newest_first_goes_on_below_the_oldest_seen() -> None:
    server = CursorList([_entry(n, NOW - n * HOUR) for n in range(9)], newest_first=True, expire_every=2)
    reader = _reader(server)

    await reader.walk()

    assert reader.seen == {e["id"] for e in server.entries}
    assert any("to" in params for params in server.requests)


async def test_a_cursor_that_is_always_refused_ends_the_walk() -> None:
    server = CursorList([_entry(n, NOW) for n in range(9)], cap=2, expire_every=1)
    reader = _reader(server)

    pages = await reader.walk()

    assert pages <= 2 * MAX_REFUSALS
    assert len(reader.gaps) == MAX_REFUSALS


async def test_an_unreadable_stored_cursor_is_a_gap() -> None:
    server = CursorList([_entry(1, NOW)])
    reader = _reader(server)
    reader.cursor = "not ours"

    await reader.walk()

    assert reader.seen == {"n:1"}
    assert "cannot be read" in reader.gaps[0]


@pytest.mark.parametrize("period", [1, 2, 3, 7])
async def test_cursors_that_go_round_end_the_walk(period: int) -> None:
    asked = 0

    async def call(*_: Any, params: dict[str, str]) -> Answer:
        nonlocal asked
        asked += 1
        body = {"data": [_entry(asked % period, NOW)], "next_cursor": f"c{asked % period}"}
        return Answer(status=200, headers={}, body=json.dumps(body).encode())

    reader = Reader(AUDIT.fetch(), call, NOW)

    assert await reader.walk(limit=60) < 60
    assert "again and again" in reader.gaps[0] or period == 1


async def test_the_same_page_under_ever_new_cursors_ends_the_walk() -> None:
    asked = 0

    async def call(*_: Any, params: dict[str, str]) -> Answer:
        nonlocal asked
        asked += 1
        body = {"data": [_entry(1, NOW)], "next_cursor": f"c{asked}"}
        return Answer(status=200, headers={}, body=json.dumps(body).encode())

    reader = Reader(AUDIT.fetch(), call, NOW)

    assert await reader.walk(limit=60) < 10
    assert "again and again" in reader.gaps[0]


async def test_endless_empty_pages_wait_for_the_next_due_time() -> None:
    asked = 0

    async def call(*_: Any, params: dict[str, str]) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(
            status=200, headers={}, body=json.dumps({"data": [], "next_cursor": f"c{asked}"}).encode()
        )

    reader = Reader(AUDIT.fetch(), call, NOW)

    assert await reader.walk(limit=60) < 10
    assert json.loads(reader.cursor or "")["next"] == f"c{asked}"


SHAPES: dict[str, Any] = {
    "top": lambda page, nxt: {"data": page, "error": None, "message": "OK", "next_cursor": nxt},
    "meta": lambda page, nxt: {"data": page, "meta": {"next_cursor": nxt}},
    "meta.pagination": lambda page, nxt: {"data": page, "meta": {"pagination": {"next_cursor": nxt}}},
    "pagination": lambda page, nxt: {"data": page, "pagination": {"nextCursor": nxt}},
    "data.next_cursor": lambda page, nxt: {"data": {"items": page, "next_cursor": nxt}},
    "data.cursor": lambda page, nxt: {"data": {"logs": page, "cursor": nxt}},
    "data.data": lambda page, nxt: {"data": {"data": page, "pagination": {"next_cursor": nxt}}},
    "bare object": lambda page, nxt: {"entries": page, "next_cursor": nxt or ""},
    "has_more": lambda page, nxt: {"data": page, "next_cursor": nxt or "x", "has_more": nxt is not None},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_pages_of_every_shape_are_read(shape: Any) -> None:
    server = CursorList([_entry(n, NOW - n) for n in range(8)], shape=shape)
    reader = _reader(server)

    await reader.walk()

    assert reader.seen == {e["id"] for e in server.entries}
    assert reader.gaps == []


async def test_a_bare_array_is_a_page() -> None:
    server = CursorList([_entry(1, NOW)], shape=lambda page, _: page)
    reader = _reader(server)

    await reader.walk()

    assert reader.seen == {"n:1"}


async def test_items_carry_their_exact_bytes() -> None:
    async def call(*_: Any, params: dict[str, str]) -> Answer:
        return Answer(
            status=200, headers={}, body=b'{"data": [ {"id" : "a",  "action":"x"}, {"id":"\\ud800"} ]}'
        )

    page = await AUDIT.fetch()(call, None, NOW)

    assert [item.raw for item in page.items] == [b'{"id" : "a",  "action":"x"}', b'{"id":"\\ud800"}']


@pytest.mark.parametrize(
    ("status", "body", "refused", "words"),
    [
        (401, b'{"error":"bad key"}', True, "HTTP 401: bad key"),
        (403, b"<html>", True, "HTTP 403"),
        (500, b"", False, "HTTP 500"),
        (400, b'{"error":{"message":"from"}}', False, "HTTP 400: from"),
        (200, b"<html>", False, "GET /audit/logs"),
        (200, b'{"data":null,"error":"no"}', False, "error: no"),
        (200, b'{"success":false,"data":[]}', False, "error"),
        (200, b"17", False, "no list"),
        (200, b'{"data":{"x":1}}', False, "no list"),
        (200, b'{"data":[],"next_cursor":"' + b"x" * 5000 + b'"}', False, "longer than"),
    ],
)
async def test_an_answer_that_is_no_list_leaves_the_cursor(
    status: int, body: bytes, refused: bool, words: str
) -> None:
    async def call(*_: Any, params: dict[str, str]) -> Answer:
        return Answer(status=status, headers={}, body=body)

    with pytest.raises(PollFailed, match=words) as caught:
        await AUDIT.fetch()(call, None, NOW)

    assert caught.value.refused is refused


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["data", "meta", "next_cursor", "error", "items", "total", "timestamp"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    st.one_of(st.none(), st.text(max_size=30)),
)
def test_hostile_answers_and_cursors_end_as_a_page_or_a_failed_poll(body: bytes, cursor: str | None) -> None:
    async def call(*_: Any, params: dict[str, str]) -> Answer:
        return Answer(status=200, headers={}, body=body)

    async def run() -> None:
        try:
            page = await AUDIT.fetch()(call, cursor, NOW)
        except PollFailed:
            return
        assert isinstance(page.cursor, str)

    asyncio.run(run())
