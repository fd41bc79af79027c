"""The API over the real log, state and archive: what was made up for the fast tests holds there too."""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from hub.api.app import create_app
from hub.archive.sqlite import SqliteArchive
from hub.model.event import Event
from hub.pipeline.match import Matcher
from hub.pipeline.replay import Replays
from hub.store.base import Fate, Unavailable
from hub.store.log import RedisLog
from hub.store.state import State
from tests.api.test_conformance import NAMES, VALUES
from tests.factories.api import ROUTES, make_services
from tests.factories.events import NOW_MS, make_entry

pytestmark = pytest.mark.integration
EVENTS = 120


async def fill(log: RedisLog, state: State, archive: SqliteArchive) -> None:
    """Recorded, routed, archived; of `siem`, 1 is parked, 2 dropped, 3 retrying, 4 to 60 are done."""
    table = orjson.dumps(ROUTES).decode()
    gen = await log.publish(table, sorted(ROUTES), now_ms=NOW_MS)
    made = [make_entry(seq, source="guard", tenant="acme", raw_data=True) for seq in range(1, EVENTS + 1)]
    await log.record([Event(one.uid, one.header, one.body) for one in made], now_ms=NOW_MS)
    matcher, refs = Matcher.from_text(table), dict[str, list[int]]()
    for one in made:
        for name in matcher.match(one.header):
            refs.setdefault(name, []).append(one.seq)
    await log.route(0, EVENTS, gen, refs)
    archive.append(log.partition, await log.read(0, EVENTS))
    special = [Fate("parked", "mapping refused"), Fate("dropped", "stale"), Fate("retry", "busy", 60_000)]
    fates = special + [Fate("delivered")] * 57
    uids = [one.uid.hex() for one in made[:60]]
    await log.settle("siem", list(range(1, 61)), fates, uids, now_ms=NOW_MS)
    touched = {"accepted": EVENTS, "rejected": 2, "state": "ok", "last_event_ms": NOW_MS}
    await state.touch_sources({"guard": touched})
    await state.schedule("guard/audit", NOW_MS)


@pytest.fixture
async def client(any_redis: Any, tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    redis = Redis.from_url(any_redis.url)
    log, state, archive = RedisLog(redis), State(redis), SqliteArchive(tmp_path / "archive")
    await log.open()
    await fill(log, state, archive)
    replays = Replays(log, archive, state, now_ms=lambda: NOW_MS)
    services = make_services(log=log, archive=archive, state=state, replays=replays)
    client = TestClient(TestServer(create_app(services, trusted=True)))
    await client.start_server()
    yield client
    await client.close()
    services.readers.close()
    archive.close()
    await redis.aclose()


async def data_of(client: TestClient[Any, Any], path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    said = await answer.json()
    assert answer.status == 200, said
    return said["data"]


async def test_every_event_is_found_shown_and_exported(client):
    found = await data_of(client, "/api/v1/events", limit=1000)
    fed = await data_of(client, "/api/v1/feed", limit=1000)
    lines = (await (await client.get("/api/v1/export?trailer=true")).read()).splitlines()
    rows = list(
        csv.reader(io.StringIO(await (await client.get("/api/v1/export?format=csv")).text(), newline=""))
    )

    assert [one["time"] for one in found] == sorted((one["time"] for one in found), reverse=True)
    assert [one["metadata"]["uid"] for one in fed] == [make_entry(n).uid.hex() for n in range(1, EVENTS + 1)]
    assert [orjson.loads(line)["metadata"]["uid"] for line in lines[:-1]] == [
        one["metadata"]["uid"] for one in fed
    ]
    assert orjson.loads(lines[-1])["mxhub_manifest"]["count"] == len(found) == len(rows) - 1 == EVENTS


async def test_fates_tell_every_kind_apart(client):
    fates = {}
    for seq in (1, 2, 3, 4, 61):
        fates[seq] = (await data_of(client, f"/api/v1/events/{make_entry(seq).uid.hex()}"))["fates"]
    quarantine = Matcher.from_text(orjson.dumps(ROUTES).decode())

    assert [fates[seq]["siem"] for seq in fates] == [
        "parked: mapping refused",
        "dropped: stale",
        "retrying",
        "delivered",
        "pending",
    ]
    for seq, said in fates.items():
        wanted = "alerts" in quarantine.match(make_entry(seq).header)
        assert said["alerts"] == ("pending" if wanted else "filtered")


async def test_books_lag_and_sources_follow_the_stores(client):
    siem = next(row for row in await data_of(client, "/api/v1/books") if row["connector"] == "siem")
    lag = next(row for row in await data_of(client, "/api/v1/connectors") if row["connector"] == "siem")
    guard = (await data_of(client, "/api/v1/sources"))[0]
    text = await (await client.get("/metrics")).text()

    assert (siem["delivered"], siem["dropped"], siem["parked"], siem["pending"]) == (57, 1, 1, 61)
    assert siem["balanced"] is True
    assert lag["lag_events"] == 61
    assert lag["lag_s"] > 0
    assert (guard["accepted"], guard["errors"], guard["streams"][0]["stream"]) == (EVENTS, 2, "audit")
    assert 'mxhub_connector_pending{connector="siem"} 61.0' in text
    assert f"mxhub_archive_offset {EVENTS}.0" in text


async def test_parked_events_are_replayed_dropped_and_gone(client):
    (row,) = await data_of(client, "/api/v1/parked")
    shown = await data_of(client, f"/api/v1/parked/{row['id']}")
    dropped = await (await client.post("/api/v1/parked:drop", json={"ids": [row["id"]]})).json()
    fates = (await data_of(client, f"/api/v1/events/{row['event_id']}"))["fates"]

    assert shown["event"]["metadata"]["uid"] == row["event_id"]
    assert dropped["data"]["count"] == 1
    assert fates["siem"] == "dropped: operator"
    assert await data_of(client, "/api/v1/parked") == []


async def test_a_connector_is_paused_renamed_and_shown_so(client):
    await client.post("/api/v1/connectors/alerts/pause")
    await client.post("/api/v1/connectors/alerts/rename", json={"to": "pager"})
    rows = {row["connector"]: row for row in await data_of(client, "/api/v1/connectors")}
    taken = await client.post("/api/v1/connectors/pager/rename", json={"to": "siem"})
    gone = await client.post("/api/v1/connectors/pager/forget")

    assert rows["pager"]["state"] == "paused"
    assert "alerts" not in rows
    assert (taken.status, gone.status) == (409, 200)


async def test_a_rename_that_was_cut_off_in_the_middle_is_finished_by_asking_again(client, monkeypatch):
    body = {"connector": "alerts", "severity": [3]}
    job = (await (await client.post("/api/v1/replays", json=body)).json())["data"]["id"]

    async def cut_off(self):
        raise Unavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(Replays, "renamed", cut_off)
        first = await client.post("/api/v1/connectors/alerts/rename", json={"to": "pager"})
    again = await client.post("/api/v1/connectors/alerts/rename", json={"to": "pager"})
    other = await client.post("/api/v1/connectors/nobody/rename", json={"to": "pager"})

    assert (first.status, again.status, other.status) == (503, 200, 409)
    assert (await data_of(client, f"/api/v1/replays/{job}"))["connector"] == "pager"


async def test_a_replay_is_started_and_cancelled(client):
    started = await (
        await client.post("/api/v1/replays", json={"connector": "alerts", "severity": [3]})
    ).json()
    counted = await data_of(client, "/api/v1/events", severity=3, limit=1000)
    cancelled = await (await client.post(f"/api/v1/replays/{started['data']['id']}/cancel")).json()

    assert started["data"]["matched"] == len(counted) > 0
    assert cancelled["data"]["state"] == "cancelled"


@pytest.mark.parametrize("cursor", ["garbage", "MTIz", "eyJhIjoxfQ==", "0", "=" * 100, "\u00e9"])
async def test_a_forged_cursor_is_refused(client, cursor):
    answer = await client.get("/api/v1/events", params={"cursor": cursor})

    assert answer.status == 400
    assert (await answer.json())["error"]["details"][0]["field"] == "cursor"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["events", "events/facets", "events/histogram", "feed", "export", "parked"]),
    query=st.lists(
        st.tuples(st.sampled_from([name for name in NAMES if name != "wait"]), VALUES), max_size=5
    ),
)
async def test_no_query_makes_a_5xx(client, path, query):
    answer = await client.get(f"/api/v1/{path}", params=query)
    await answer.read()

    assert answer.status in {200, 400, 410}
