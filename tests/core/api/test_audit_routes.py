"""The audit log by the API: pages that stand, exports of which any range can be read, seen by grant."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from core.api.ranges import range_of
from core.audit.entry import Actor, Resource
from core.audit.retention import prune
from core.store.clock import DAY_MS, iso_seconds
from hub.web.errors import RangeNotSatisfiable
from tests.factories.audit import change, unguard
from tests.factories.core import NOW_MS

DAY = iso_seconds(NOW_MS)[:10]
EXPORT = f"/audit/logs/export?date={DAY}&format=jsonl"


async def write(core, count, tenant="default", **changes):
    async with core.database.begin() as tx:
        for number in range(count):
            await core.chain.append(tx, tenant, change(number, **changes))


@pytest.fixture
async def api(service_api):
    """Entries of two domains, of none, and of another tenant; the admin key's own stands before them."""
    core = service_api.core
    await write(core, 3)
    await write(core, 1, resource=Resource(type="domain", id="dom_9", domain="b.example"))
    await write(core, 1, resource=Resource(type="settings", id=""), actor=Actor(type="user", id="grace"))
    await write(core, 2, tenant="other")
    return service_api


async def test_entries_are_read_in_pages_that_stand_while_others_come(api):
    first = await api.call("GET", "/audit/logs?limit=2&resource=domain&order=oldest")
    await write(api.core, 1)
    cursor, seqs = first.pagination["next_cursor"], [one["seq"] for one in first.data]
    while cursor:
        said = await api.call("GET", f"/audit/logs?limit=2&resource=domain&order=oldest&cursor={cursor}")
        seqs += [one["seq"] for one in said.data]
        cursor = said.pagination["next_cursor"]

    assert seqs == [2, 3, 4, 5, 7]
    assert first.data[0]["integrity"] == "ok"
    assert first.data[0]["changes"]["after"] == {"tag_threshold": 6.5}


async def test_filters_narrow_and_a_key_sees_its_domains_only(api):
    bound = await api.key("audit:read", domains=["b.example"])

    assert [one["seq"] for one in (await api.call("GET", "/audit/logs", key=bound)).data] == [5]
    assert (await api.call("GET", "/audit/logs?domain=acme.example", key=bound)).status == 403
    assert [one["seq"] for one in (await api.call("GET", "/audit/logs?actor=grace")).data] == [6]
    assert (await api.call("GET", "/audit/actions", key=bound)).data == ["domain.updated"]
    assert (await api.call("GET", "/audit/actions")).data == ["api_key.created", "domain.updated"]
    assert (await api.call("GET", "/audit/logs?result=failure")).data == []


async def test_an_entry_that_was_tampered_with_says_so(api):
    async with api.core.database.begin() as tx:
        await unguard(tx)
        await tx.execute(
            text("UPDATE audit_entries SET actor = 'nobody' WHERE seq = 3 AND tenant = 'default'")
        )

    entries = (await api.call("GET", "/audit/logs?resource=domain")).data
    assert [one["seq"] for one in entries if one["integrity"] == "violation"] == [3]


async def test_an_export_is_the_whole_day_as_ndjson_or_csv(api):
    api.core.clock.advance(86_400)
    await write(api.core, 1)
    lines = (await api.call("GET", EXPORT)).raw.decode().splitlines()
    table = await api.call("GET", f"/audit/logs/export?date={DAY}", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.raw.decode(), newline="")))

    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [row["seq"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert f'filename="audit-{DAY}.csv"' in table.headers["Content-Disposition"]
    assert len((await api.call("GET", "/audit/logs/export")).raw.splitlines()) == 7


async def test_ranges_of_an_export_are_exact_to_the_byte(api):
    whole = (await api.call("GET", EXPORT)).raw
    for asked, part in [
        ("bytes=0-0", whole[:1]),
        ("bytes=100-699", whole[100:700]),
        (f"bytes={len(whole) - 7}-", whole[-7:]),
        ("bytes=-9", whole[-9:]),
        (f"bytes=5-{10**9}", whole[5:]),
    ]:
        said = await api.call("GET", EXPORT, headers={"Range": asked})
        assert (said.status, said.raw) == (206, part)
        assert said.headers["Content-Range"].endswith(f"/{len(whole)}")
        assert said.headers["Content-Length"] == str(len(part))

    several = await api.call("GET", EXPORT, headers={"Range": "bytes=0-1,5-6"})
    assert (several.status, several.raw) == (200, whole)


async def test_a_reader_that_goes_on_at_its_last_byte_gets_what_came_since(api):
    read = (await api.call("GET", EXPORT)).raw
    ended = await api.call("GET", EXPORT, headers={"Range": f"bytes={len(read)}-"})
    assert (ended.status, ended.headers["Content-Range"]) == (416, f"bytes */{len(read)}")
    for _ in range(3):
        await write(api.core, 2)
        more = await api.call("GET", EXPORT, headers={"Range": f"bytes={len(read)}-"})
        assert more.status == 206
        read += more.raw

    assert read == (await api.call("GET", EXPORT)).raw
    assert [json.loads(line)["seq"] for line in read.splitlines()] == list(range(1, 13))


async def test_a_range_of_what_is_another_file_by_now_is_all_of_it(api):
    first = await api.call("GET", EXPORT, headers={"Range": "bytes=0-9"})
    same = {"Range": "bytes=10-19", "If-Range": first.headers["ETag"]}
    assert (await api.call("GET", EXPORT, headers=same)).status == 206
    api.core.clock.advance(2 * 86_400)
    async with api.core.database.begin() as tx:
        await prune(tx, api.core.chain, NOW_MS + DAY_MS)

    now = await api.call("GET", EXPORT, headers=same)
    assert now.status == 200
    assert [json.loads(line)["seq"] for line in now.raw.splitlines()] == [6]


async def test_a_key_that_is_bound_reads_ranges_of_its_own_file(api):
    bound = await api.key("audit:read", domains=["b.example"])
    await api.call("GET", EXPORT, headers={"Range": "bytes=0-9"})
    said = await api.call("GET", EXPORT, key=bound, headers={"Range": "bytes=0-"})

    assert [json.loads(line)["seq"] for line in said.raw.splitlines()] == [5]


async def test_a_date_and_bounds_at_once_are_refused(api):
    said = await api.call("GET", f"{EXPORT}&from=2026-05-01")

    assert (said.status, said.error["details"][0]["field"]) == (400, "date")
    assert (await api.call("GET", "/audit/logs/export?date=yesterday")).status == 400


@given(st.integers(1, 50), st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60)))
def test_a_range_is_the_bytes_that_a_slice_gives(size, first, last):
    header = f"bytes={first}-{'' if last is None else last}"
    data = bytes(range(size))
    wanted = data[first:] if last is None else data[first : last + 1]
    if last is not None and last < first:
        assert range_of(header, size) is None
    elif not wanted:
        with pytest.raises(RangeNotSatisfiable):
            range_of(header, size)
    else:
        begin, end = range_of(header, size)
        assert data[begin : end + 1] == wanted


@given(st.text(max_size=30))
def test_any_other_header_is_no_range(header):
    try:
        found = range_of(header, 10)
    except RangeNotSatisfiable:
        found = (0, 0)
    assert found is None or header.replace(" ", "").startswith("bytes=")
