import csv
import io
import json
import tracemalloc

import pytest
from sqlalchemy import text, tuple_

from core.audit.chain import Chain
from core.audit.entry import Actor, Resource
from core.audit.export import COLUMNS, export
from core.audit.query import Filter, actions, entry, page
from core.paging.cursor import Cursors
from core.reports.within import named
from core.store.tables import audit_entries
from hub.web.errors import ValidationFailed
from tests.factories.audit import KEY, chain, change, unguard, write
from tests.factories.core import NOW_MS, FakeClock
from tests.factories.work import work_of

CHAIN = chain()
CURSORS = Cursors(b"key")


async def some(tx):
    """Four entries, a second apart."""
    clock = FakeClock()
    writer = Chain(KEY, clock=clock)
    for one in (
        change(1),
        change(2, action="domain.deleted", result="failure"),
        change(
            3, actor=Actor(type="user", id="m.keller"), resource=Resource(type="quarantine", id="node-1/4F")
        ),
        change(4, resource=Resource(type="domain", id="dom_4", domain="b.example")),
    ):
        await writer.append(tx, "acme", one)
        clock.advance(1)
    await writer.append(tx, "globex", change(5))


@pytest.mark.parametrize(
    ("asked", "seqs"),
    [
        ({}, [4, 3, 2, 1]),
        ({"from_ms": NOW_MS + 1000, "to_ms": NOW_MS + 2000}, [3, 2]),
        ({"actor": "m.keller"}, [3]),
        ({"action": "domain.deleted"}, [2]),
        ({"resource": "domain"}, [4, 2, 1]),
        ({"resource": "domain/dom_4"}, [4]),
        ({"resource": "quarantine/node-1"}, [3]),
        ({"resource": "quarantine/node"}, []),
        ({"domain": "b.example"}, [4]),
        ({"result": "failure"}, [2]),
        ({"within": named("acme.example")}, [2, 1]),
        ({"within": named()}, []),
    ],
)
async def test_filters_narrow_and_other_tenants_never_show(tx, asked, seqs):
    await some(tx)

    found = await page(tx, CHAIN, "acme", Filter(**asked), CURSORS)

    assert [one.seq for one in found.items] == seqs


async def test_pages_go_on_with_their_filters_only(tx):
    await some(tx)
    first = await page(tx, CHAIN, "acme", Filter(resource="domain"), CURSORS, limit=2)
    second = await page(
        tx, CHAIN, "acme", Filter(resource="domain"), CURSORS, limit=2, cursor=first.next_cursor
    )

    assert [[one.seq for one in each.items] for each in (first, second)] == [[4, 2], [1]]
    with pytest.raises(ValidationFailed, match="filters"):
        await page(tx, CHAIN, "acme", Filter(), CURSORS, cursor=first.next_cursor)
    with pytest.raises(ValidationFailed, match="another list"):
        await page(tx, CHAIN, "globex", Filter(resource="domain"), CURSORS, cursor=first.next_cursor)


async def test_one_entry_and_the_actions_are_of_the_tenant_only(tx):
    await some(tx)

    assert (await entry(tx, CHAIN, "acme", "node-1:2")).seq == 2
    assert await entry(tx, CHAIN, "globex", "node-1:2") is None
    assert await actions(tx, "acme") == ["domain.deleted", "domain.updated"]


async def test_an_entry_altered_behind_the_back_says_so_when_it_is_read(tx):
    await some(tx)
    await unguard(tx)
    await tx.execute(text("UPDATE audit_entries SET actor = 'nobody' WHERE seq = 2"))

    found = await page(tx, CHAIN, "acme", Filter(), CURSORS, order="oldest")

    assert [one.as_dict()["integrity"] for one in found.items] == ["ok", "violation", "ok", "ok"]


async def exported(database, form, **asked):
    return b"".join([piece async for piece in export(database, CHAIN, "acme", Filter(**asked), form)])


async def test_ndjson_is_every_entry_as_the_api_shows_it(database):
    async with database.begin() as tx:
        await some(tx)

    lines = (await exported(database, "ndjson")).decode().splitlines()

    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4]
    assert json.loads(lines[0])["changes"]["after"] == {"tag_threshold": 7.5}
    assert [
        json.loads(line)["seq"]
        for line in (await exported(database, "ndjson", domain="b.example")).splitlines()
    ] == [4]


async def test_csv_has_a_header_and_no_cell_that_runs_as_a_formula(database):
    hostile = '=HYPERLINK("http://evil.example")'
    async with database.begin() as tx:
        await CHAIN.append(tx, "acme", change(reason=hostile, details={"n": -5}))
        await CHAIN.append(tx, "acme", change(reason="@SUM(A1)\r\n+2", actor=Actor(type="user", id="-1+1")))

    rows = list(csv.DictReader(io.StringIO((await exported(database, "csv")).decode(), newline="")))

    assert tuple(rows[0]) == COLUMNS
    assert [row["reason"] for row in rows] == ["'" + hostile, "'@SUM(A1)\r\n+2"]
    assert rows[1]["actor"] == "'-1+1"
    assert rows[0]["seq"] == "1"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("period", "seqs"),
    [
        ({"from_ms": NOW_MS + 1000, "to_ms": NOW_MS + 2000}, [2, 3]),
        ({"from_ms": NOW_MS + 2000}, [3, 4]),
        ({"to_ms": NOW_MS}, [1]),
        ({"from_ms": NOW_MS + 9000}, []),
        ({"to_ms": NOW_MS - 1}, []),
    ],
)
async def test_a_period_is_exported_whole_and_nothing_else(database, period, seqs):
    async with database.begin() as tx:
        await some(tx)

    lines = (await exported(database, "ndjson", **period)).splitlines()

    assert [json.loads(line)["seq"] for line in lines] == seqs


async def test_reading_a_period_costs_what_lies_in_it(tx):
    clock = FakeClock()
    writer = Chain(KEY, clock=clock)
    for _ in range(100):
        await writer.append_many(tx, "acme", [change(number) for number in range(20)])
        clock.advance(1)
    period = Filter(from_ms=NOW_MS + 1000, to_ms=NOW_MS + 98_000)
    deep = tuple_(audit_entries.c.at_ms, audit_entries.c.seq) < tuple_(NOW_MS + 5000, 100)
    order = (audit_entries.c.at_ms.desc(), audit_entries.c.seq.desc())

    first = await work_of(tx, period.select("acme").order_by(*order).limit(20))
    last = await work_of(tx, period.select("acme", passed="to").where(deep).order_by(*order).limit(20))
    nowhere = await work_of(tx, Filter(resource="nothing").select("acme").order_by(*order).limit(20))

    assert last <= 2 * first + 200
    assert nowhere <= first


async def test_an_empty_log_exports_its_header_only(database):
    assert await exported(database, "ndjson") == b""
    assert (await exported(database, "csv")).decode().strip() == ",".join(COLUMNS)


@pytest.mark.slow
async def test_a_long_log_is_exported_in_flat_memory(database):
    async with database.begin() as tx:
        await write(tx, CHAIN, "acme", 5000)
    peaks = []
    size = 0
    tracemalloc.start()
    async for piece in export(database, CHAIN, "acme", Filter()):
        size += len(piece)
        peaks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()

    assert size > 2_000_000
    assert max(peaks[5:]) < 1.5 * max(peaks[:5])
