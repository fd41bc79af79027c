"""Walks by offset over a list that changes under them: what stays is seen."""

# ruff: noqa: FBT001 -- hypothesis and parametrize hand truth values over
import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sdk.source import Answer
from hub.sdk.times import iso
from hub.sources.mailguard.streams import LOOKBACK_S, QUARANTINE
from tests.factories.listing import OffsetList, Reader

NOW = 1_770_000_000_000
MINUTE = 60_000


def _reader(server: OffsetList, lookback_s: float | None = None) -> Reader:
    return Reader(QUARANTINE.fetch(lookback_s), server.call, NOW)


def _held(count: int, step_ms: int = MINUTE) -> dict[str, int]:
    return {f"Q{n:04}": NOW - 86_000_000 + n * step_ms for n in range(count)}


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 40),
    st.integers(2, 7),
    st.sampled_from([0, MINUTE]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 2**32),
)
def test_what_stays_through_a_walk_is_seen(
    count: int, cap: int, step_ms: int, newest_first: bool, with_total: bool, come: int, go: int, seed: int
) -> None:
    server = OffsetList(_held(count, step_ms), cap=cap, newest_first=newest_first, with_total=with_total)
    rng, reader = random.Random(seed), _reader(server)
    stays = set(rng.sample(sorted(server.items), len(server.items) // 2))
    changes = 6

    def change() -> None:
        nonlocal changes
        if not changes:
            return
        changes -= 1
        for _ in range(rng.randint(0, come)):
            server.items[f"N{rng.randrange(10**9)}"] = NOW - rng.randrange(1000)
        going = sorted(set(server.items) - stays)
        for queue_id in rng.sample(going, min(len(going), rng.randint(0, go * 3))):
            del server.items[queue_id]

    asyncio.run(reader.walk(change))

    assert stays <= reader.seen or reader.gaps


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(2, 9), st.booleans(), st.sampled_from([0, 1, MINUTE]))
def test_a_quiet_list_is_read_whole_without_a_gap(
    count: int, cap: int, newest_first: bool, step_ms: int
) -> None:
    server = OffsetList(_held(count, step_ms), cap=cap, newest_first=newest_first)
    reader = _reader(server)

    asyncio.run(reader.walk())

    assert reader.seen == set(server.items)
    assert reader.gaps == []


async def test_a_mass_release_between_two_pages_hides_nothing() -> None:
    server = OffsetList(_held(400), cap=100)
    reader = _reader(server)

    await reader.step()
    newest = sorted(server.items, reverse=True)
    for queue_id in newest[:150]:
        del server.items[queue_id]
    await reader.walk()

    assert set(newest[150:]) <= reader.seen
    assert reader.gaps == []


async def test_the_next_walk_asks_only_for_what_is_new() -> None:
    server = OffsetList(_held(10))
    reader = _reader(server)

    await reader.walk()
    first = len(server.requests)
    server.items["NEW"] = NOW
    await reader.walk()

    assert "NEW" in reader.seen
    assert server.requests[first]["since"] == iso(NOW - 86_000_000 + 9 * MINUTE - QUARANTINE.overlap_ms)


async def test_a_quiet_look_costs_two_requests() -> None:
    server = OffsetList(_held(3))
    reader = _reader(server)

    assert await reader.walk() == 2


async def test_a_total_saves_the_second_request() -> None:
    server = OffsetList(_held(3), with_total=True)

    assert await _reader(server).walk() == 1


async def test_the_look_back_sees_an_item_that_came_late() -> None:
    server = OffsetList(_held(10))
    reader, back = _reader(server), _reader(server, LOOKBACK_S)

    await reader.walk()
    server.items["LATE"] = NOW - 86_300_000
    await reader.walk()
    await back.walk()

    assert "LATE" not in reader.seen
    assert "LATE" in back.seen


async def test_a_vendor_that_ignores_the_offset_ends_the_walk_with_a_gap() -> None:
    server = OffsetList(_held(10), cap=4)

    async def call(method: str, path: str, *, params: dict[str, str]) -> Answer:
        return await server.call(method, path, params=params | {"offset": "0"})

    reader = Reader(QUARANTINE.fetch(), call, NOW)

    assert await reader.walk(limit=60) < 10
    assert "same page at every offset" in reader.gaps[0]


async def test_a_list_that_never_joins_on_ends_the_walk_with_a_gap() -> None:
    server, rng = OffsetList(_held(300), cap=10), random.Random(1)
    reader = _reader(server)

    def replace_all() -> None:
        server.items = {f"R{rng.randrange(10**9)}": NOW - 86_000_000 for _ in range(300)}

    assert await reader.walk(replace_all, limit=1000) < 1000
    assert "faster than it can be read" in reader.gaps[0]


@pytest.mark.parametrize("cursor", ["", "{", "[]", '{"offset":"x"}'])
async def test_an_unreadable_stored_cursor_is_a_gap(cursor: str) -> None:
    reader = _reader(OffsetList(_held(2)))
    reader.cursor = cursor

    await reader.walk()

    assert reader.seen == {"Q0000", "Q0001"}
    assert "cannot be read" in reader.gaps[0]
