"""Pages over a real table, while rows come and go."""

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text

from core.paging.counted import MAX_SKIPPED, counted, offset_of
from core.paging.cursor import Cursors, Place
from core.paging.keyset import Asked, Keyset, page, statement
from core.store.tables import classifier_lessons, verdicts
from hub.web.errors import ValidationFailed

CURSORS = Cursors(b"key")
LESSON = classifier_lessons.c
BY = Keyset(LESSON.at_ms, LESSON.sha256)
TENANT = itertools.count()


async def put(database, tenant, rows):
    values = [{"tenant": tenant, "sha256": name, "label": "ham", "at_ms": at} for at, name in rows]
    async with database.begin() as tx:
        for start in range(0, len(values), 500):
            await tx.execute(insert(classifier_lessons), values[start : start + 500])


async def remove(database, tenant, row):
    async with database.begin() as tx:
        await tx.execute(delete(classifier_lessons).where(LESSON.tenant == tenant, LESSON.sha256 == row[1]))


async def one(database, tenant, **asked):
    query = select(classifier_lessons).where(LESSON.tenant == tenant)
    async with database.read() as tx:
        found = await page(tx, query, BY, CURSORS, Asked(scope=f"lessons:{tenant}", filters={}, **asked))
    return found.of(lambda row: (row["at_ms"], row["sha256"]))


CHANGE = st.tuples(st.sampled_from(["insert", "delete"]), st.integers(0, 6), st.integers(0, 999))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    first=st.lists(st.integers(0, 6), max_size=25),
    changes=st.lists(st.lists(CHANGE, max_size=4), max_size=12),
    order=st.sampled_from(["newest", "oldest"]),
    limit=st.integers(1, 5),
)
async def test_rows_that_come_and_go_neither_repeat_nor_hide_others(database, first, changes, order, limit):
    tenant = f"t{next(TENANT)}"
    names = itertools.count()
    alive = {(at, f"{next(names):04}") for at in first}  # many rows share a time
    throughout, ever = set(alive), set(alive)
    await put(database, tenant, sorted(alive))
    seen, cursor = [], None
    for step in itertools.count():
        found = await one(database, tenant, order=order, limit=limit, cursor=cursor)
        seen += found.items
        cursor = found.next_cursor
        if cursor is None:
            break
        for kind, at, pick in changes[step] if step < len(changes) else ():
            if kind == "insert":
                row = (at, f"{pick:03}{next(names):04}")  # before and after the place alike
                alive.add(row)
                ever.add(row)
                await put(database, tenant, [row])
            elif alive:
                row = sorted(alive)[pick % len(alive)]
                alive.discard(row)
                throughout.discard(row)
                await remove(database, tenant, row)

    assert len(seen) == len(set(seen))
    assert throughout <= set(seen) <= ever
    assert seen == sorted(seen, reverse=order == "newest")


async def test_a_list_is_read_to_its_end_however_long(database):
    rows = [(number // 7, f"{number:06}") for number in range(2500)]
    await put(database, "long", rows)
    seen, cursor = [], None
    while True:
        found = await one(database, "long", limit=1000, cursor=cursor)
        seen += found.items
        cursor = found.next_cursor
        if cursor is None:
            break

    assert seen == rows[::-1]


async def test_the_last_page_says_so_even_when_it_is_full(database):
    await put(database, "full", [(1, "a"), (2, "b")])

    found = await one(database, "full", limit=2)

    assert found.pagination() == {"next_cursor": None, "has_more": False, "limit": 2}


async def test_a_cursor_goes_on_when_its_row_is_gone(database):
    await put(database, "gone", [(1, "a"), (2, "b"), (3, "c")])
    first = await one(database, "gone", limit=2)
    await remove(database, "gone", (2, "b"))

    second = await one(database, "gone", limit=2, cursor=first.next_cursor)

    assert list(second.items) == [(1, "a")]


async def test_a_cursor_of_the_other_order_is_refused(database):
    await put(database, "order", [(1, "a"), (2, "b")])
    first = await one(database, "order", limit=1, order="newest")

    with pytest.raises(ValidationFailed, match="order"):
        await one(database, "order", limit=1, order="oldest", cursor=first.next_cursor)


async def test_pages_by_number_know_the_total(database):
    await put(database, "small", [(number, f"{number}") for number in range(10)])
    query = select(classifier_lessons).where(LESSON.tenant == "small")

    async with database.read() as tx:
        third = await counted(tx, query, BY, limit=4, offset=offset_of(limit=4, page=3))

    assert [row["at_ms"] for row in third.items] == [1, 0]
    assert third.pagination() == {
        "page": 3,
        "limit": 4,
        "offset": 8,
        "total": 10,
        "has_more": False,
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("given_place", "said"),
    [
        ({"page": 2, "offset": 5}, "not both"),
        ({"page": 0}, "at least 1"),
        ({"offset": -1}, "at least 0"),
        ({"offset": MAX_SKIPPED + 1}, "by cursor"),
        ({"page": 10**9}, "by cursor"),
    ],
)
def test_a_place_that_does_not_hold_is_refused(given_place, said):
    with pytest.raises(ValidationFailed, match=said):
        offset_of(limit=100, **given_place)


def test_pages_begin_at_one_and_offsets_at_none():
    assert [offset_of(limit=50), offset_of(limit=50, page=1), offset_of(limit=50, page=3)] == [0, 0, 100]


async def test_writers_at_work_neither_repeat_nor_hide_rows(database):
    still = [(number % 50, f"still{number:04}") for number in range(200)]
    await put(database, "busy", still)
    done = asyncio.Event()

    async def write(name):
        for number in itertools.count():
            if done.is_set():
                return
            row = (number * 7 % 50, f"{name}{number:04}")
            await put(database, "busy", [row])
            if number % 2:
                await remove(database, "busy", row)

    writers = [asyncio.create_task(write(name)) for name in ("a", "z")]
    seen, cursor = [], None
    for _ in range(400):
        found = await one(database, "busy", limit=7, cursor=cursor)
        seen += found.items
        cursor = found.next_cursor
        if cursor is None:
            break
    done.set()
    await asyncio.gather(*writers)

    assert cursor is None
    assert len(seen) == len(set(seen))
    assert set(still) <= set(seen)


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_every_page_is_one_search_of_the_index(database, order):
    query = select(verdicts).where(verdicts.c.tenant == "acme", verdicts.c.domain == "acme.example")
    after = Place(1_777_620_133_000, "ver_a")
    asked = statement(query, Keyset(verdicts.c.at_ms, verdicts.c.id), order=order, after=after, limit=101)

    async with database.read() as tx:
        plain = asked.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})
        if database.path is not None:
            plan = (await tx.execute(text(f"EXPLAIN QUERY PLAN {plain}"))).scalars("detail").all()
            wanted = "USING INDEX ix_verdicts_tenant_domain_at_ms_id (tenant=? AND domain=? AND (at_ms,id)"
        else:
            await tx.execute(text("SET LOCAL enable_seqscan = off"))  # which an empty table would get
            await tx.execute(text("SET LOCAL enable_bitmapscan = off"))
            plan = (await tx.execute(text(f"EXPLAIN {plain}"))).scalars().all()
            wanted = "at_ms_id"  # which of those that fit is a matter of its statistics

    assert wanted in "\n".join(plan), plan
    assert not any(word in line.upper() for line in plan for word in ("TEMP B-TREE", "SORT"))
