import asyncio
import csv
import hashlib
import io

import aiohttp
import orjson
import pytest

from hub.api.columns import COLUMNS, row
from hub.archive.base import Hit
from tests.factories.api import make_services
from tests.factories.events import NOW_MS, make_entry


async def whole(client, **params):
    answer = await client.get("/api/v1/export", params=params)
    assert answer.status == 200
    return await answer.read()


async def test_ndjson_has_every_event_in_record_order_byte_for_byte(client):
    body = await whole(client)

    assert body == b"".join(
        make_entry(seq, source="guard", tenant="acme", raw_data=True).body + b"\n" for seq in range(1, 31)
    )


async def test_the_trailer_counts_and_hashes_what_came_before(client):
    body = await whole(client, trailer="true", code="message.delivered")
    *lines, last = body.splitlines(keepends=True)
    manifest = orjson.loads(last)["mxhub_manifest"]

    assert manifest["count"] == len(lines) > 0
    assert manifest["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    assert manifest["query"]["code"] == ["message.delivered"]
    assert manifest["query"]["recorded_until"].endswith("Z")
    assert manifest["gaps"] == []


async def test_the_trailer_names_gaps(start):
    services = make_services()
    services.archive.oldest = 5
    body = await whole(await start(services), trailer="true")

    assert orjson.loads(body.splitlines()[-1])["mxhub_manifest"]["gaps"] == [
        {"from_seq": 1, "to_seq": 4, "reason": "retention"}
    ]


async def test_csv_has_a_head_and_a_row_for_every_event(client):
    body = (await whole(client, format="csv", trailer="true")).decode()
    rows = list(csv.reader(io.StringIO(body, newline="")))

    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + 30 + 1
    assert rows[1][COLUMNS.index("source")] == "guard"
    assert rows[-1][0] == "#mxhub_manifest"


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless():
    entry = make_entry(1, subject='=HYPERLINK("http://evil.example")', sender="+1@x.example")
    cells = dict(zip(COLUMNS, row(Hit(0, 1, "u", NOW_MS, NOW_MS, entry.body)), strict=True))

    assert cells["subject"].startswith("'=HYPERLINK")
    assert cells["sender"] == "'+1@x.example"


async def test_trouble_on_the_way_cuts_the_export(start):
    services = make_services(events=600)
    services.archive.broken = True
    client = await start(services)

    with pytest.raises(aiohttp.ClientError):
        await whole(client, trailer="true")


async def test_a_fifth_export_is_told_to_wait(start):
    services = make_services()
    streams = [services.readers.stream(lambda: iter([1])) for _ in range(4)]
    for one in streams:
        await anext(one)
    answer = await (await start(services)).get("/api/v1/export")

    assert answer.status == 429
    assert answer.headers["Retry-After"] == "10"
    await asyncio.gather(*(one.aclose() for one in streams))
