"""MXroute Manager's log: the newest entries of a day, and a day as a file that is read on by byte offset."""

import csv
import io
import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGS, FILE = "/api/admin/logs", "/api/admin/logs/download"


async def happen(manager, *names):
    """One entry for each, on the domain's list of blocked senders."""
    for name in names:
        entry = {"entry": f"{name}@else.example"}
        said = await manager.call("POST", f"/api/domains/{manager.domain}/spam/blacklist", entry)
        assert said.status == 201, said.raw


async def file(manager, start=None, **query):
    headers = {} if start is None else {"Range": f"bytes={start}-"}
    return await manager.call("GET", FILE, params={"format": "jsonl", **query}, headers=headers)


def targets(raw):
    return [json.loads(line)["target"] for line in raw.splitlines()]


async def test_the_log_shows_a_day_newest_first_and_which_days_there_are(manager):
    await happen(manager, "one")
    manager.core.clock.advance(86_400)
    await happen(manager, "two", "three")
    said = (await manager.call("GET", LOGS)).data
    first = said["available_dates"][-1]
    earlier = (await manager.call("GET", f"{LOGS}?date={first}&limit=1")).data

    assert [each["target"] for each in said["entries"]] == [
        f"three@else.example@{manager.domain}",
        f"two@else.example@{manager.domain}",
    ]
    assert said["available_dates"] == [said["current_date"], first]
    assert list(said["entries"][0]) == ["timestamp", "user", "action", "target", "details"]
    assert said["entries"][0]["timestamp"].endswith("+00:00")
    assert (earlier["current_date"], len(earlier["entries"])) == (first, 1)


async def test_a_days_file_is_whole_oldest_first_and_shows_what_the_log_shows(manager):
    await happen(manager, *(f"n{number}" for number in range(8)))
    said = await file(manager)
    logged = (await manager.call("GET", f"{LOGS}?limit=500")).data

    assert (said.status, said.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert [json.loads(line) for line in said.raw.splitlines()] == logged["entries"][::-1]
    assert said.headers["Content-Disposition"].endswith(f'"audit-{logged["current_date"]}.jsonl"')
    assert int(said.headers["Content-Length"]) == len(said.raw)


async def test_a_byte_offset_is_a_cursor_that_stays(manager):
    await happen(manager, "one", "two")
    whole = (await file(manager)).raw
    at_end = await file(manager, len(whole))
    await happen(manager, "three")
    rest = await file(manager, len(whole))
    again = (await file(manager)).raw

    assert (at_end.status, at_end.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    assert again == whole + rest.raw
    assert (rest.status, targets(rest.raw)) == (206, [f"three@else.example@{manager.domain}"])
    assert rest.headers["Content-Range"] == f"bytes {len(whole)}-{len(again) - 1}/{len(again)}"


@pytest.mark.parametrize("step", [1, 97, 4096])
async def test_reading_on_from_any_byte_misses_and_repeats_nothing(manager, step):
    await happen(manager, "one", "two", "three")
    whole, read, size = (await file(manager)).raw, b"", step * 200
    while True:
        headers = {"Range": f"bytes={len(read)}-{len(read) + size - 1}"}
        said = await manager.call("GET", FILE, params={"format": "jsonl"}, headers=headers)
        if said.status == 416:
            break
        read += said.raw

    assert read == whole


async def test_an_entry_that_comes_late_is_at_the_end_of_its_days_file(manager):
    await happen(manager, "one")
    day = (await manager.call("GET", LOGS)).data["current_date"]
    before = (await file(manager, date=day)).raw
    manager.core.clock.advance(86_400)
    await happen(manager, "tomorrow")
    manager.core.clock.advance(-86_400)
    await happen(manager, "late")
    after = (await file(manager, date=day)).raw
    manager.core.clock.advance(86_400)

    assert after.startswith(before)
    assert targets(after[len(before) :]) == [f"late@else.example@{manager.domain}"]


async def test_the_file_tells_what_it_is(manager):
    await happen(manager, "one")
    first = await file(manager)
    etag = first.headers["ETag"]
    same = await manager.call(
        "GET", FILE, params={"format": "jsonl"}, headers={"If-None-Match": f'"x", {etag}'}
    )
    await happen(manager, "two")
    other = await file(manager)
    stale = {"Range": "bytes=0-1", "If-Range": etag}
    whole = await manager.call("GET", FILE, params={"format": "jsonl"}, headers=stale)

    assert (same.status, same.raw, same.headers["ETag"]) == (304, b"", etag)
    assert other.headers["ETag"] != etag
    assert "GMT" in other.headers["Last-Modified"]
    assert (whole.status, whole.raw) == (200, other.raw)


async def test_the_file_as_a_table_has_the_same_entries(manager):
    await happen(manager, "one")
    said = await manager.call("GET", FILE, params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(said.raw.decode(), newline="")))
    lines = [json.loads(line) for line in (await file(manager)).raw.splitlines()]

    assert said.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert said.raw.startswith(b"timestamp,user,action,target,details\r\n")
    assert [{**row, "details": json.loads(row["details"])} for row in rows] == lines


@pytest.mark.parametrize("path", [LOGS, FILE])
async def test_the_log_is_for_administrators(manager, path):
    key = await manager.key("domain-admin")

    assert (await manager.call("GET", path, key=key)).status == 403
    assert (await manager.call("GET", path, key="")).status == 401


async def test_another_tenants_entries_are_in_no_file(manager, shared_manager):
    await happen(manager, "one")
    other = await shared_manager()
    await happen(other, "two")

    assert manager.domain not in (await file(other)).raw.decode()
    assert other.domain not in (await file(manager)).raw.decode()


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "date=today", "date=2026-02-30", "date=%00"])
async def test_what_is_no_day_or_number_is_400(manager, query):
    assert (await manager.call("GET", f"{LOGS}?{query}")).status == 400


@pytest.mark.parametrize("query", ["format=xml", "date=..%2F..%2Fetc", "date=99999-01-01"])
async def test_what_is_no_file_is_400(manager, query):
    assert (await manager.call("GET", f"{FILE}?{query}")).status == 400


@pytest.mark.parametrize("day", ["1999-01-01", "0001-01-01", "9999-12-31"])
async def test_a_day_without_entries_is_404(manager, day):
    assert (await file(manager, date=day)).status == 404
    assert (await manager.call("GET", f"{LOGS}?date={day}")).data["entries"] == []


@pytest.mark.parametrize("given", ["bytes=-0", "bytes=x-", "lines=1-", "bytes=1-2,4-5", "bytes=9" * 50, "-"])
async def test_a_range_that_is_none_harms_nobody(manager, given):
    await happen(manager, "one")
    said = await manager.call("GET", FILE, params={"format": "jsonl"}, headers={"Range": given})

    assert said.status in (200, 416)
