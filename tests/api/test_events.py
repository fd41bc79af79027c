import orjson
import pytest

from hub.model.ids import uid_text
from tests.factories.api import make_services
from tests.factories.events import make_entry

TIMES = sorted((make_entry(seq).header.time_ms for seq in range(1, 31)), reverse=True)


async def test_search_is_newest_first_and_pages_to_the_end(get):
    seen, cursor = [], None
    while True:
        params = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        status, said = await get("/api/v1/events", **params)
        page = said["meta"]["pagination"]
        seen += [one["time"] for one in said["data"]]
        assert status == 200
        assert page["has_more"] is (page["next_cursor"] is not None)
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == TIMES


async def test_a_cursor_that_is_none_is_refused(get):
    status, said = await get("/api/v1/events", cursor="garbage")

    assert status == 400
    assert said["error"]["details"][0]["field"] == "cursor"


async def test_filters_reach_the_archive(get):
    _, said = await get("/api/v1/events", code="quarantine.added,quarantine.released", severity="medium")

    assert said["data"]
    assert {one["metadata"]["event_code"] for one in said["data"]} == {"quarantine.added"}


async def test_at_least_a_severity_is_a_range(get):
    _, said = await get("/api/v1/events", severity=">=3")
    _, by_name = await get("/api/v1/events", severity=">=medium")

    assert {one["severity_id"] for one in said["data"]} == {3}
    assert by_name["data"] == said["data"]


@pytest.mark.parametrize("severity", ["7", "-1", "bad", ">=bad", ">=", "03"])
async def test_a_severity_that_is_none_is_refused(get, severity):
    status, said = await get("/api/v1/events", severity=severity)

    assert status == 400
    assert said["error"]["details"][0]["field"] == "severity"


async def test_a_range_that_ends_before_it_begins_is_refused(get):
    status, said = await get("/api/v1/events", since="2026-05-02", until="2026-05-01")

    assert status == 400
    assert said["error"]["details"][0]["field"] == "until"


async def test_every_time_form_is_taken(get):
    for since in ("2h", "yesterday", "1760000000", "2025-10-09T08:53:20Z"):
        status, _ = await get("/api/v1/events", since=since)
        assert status == 200


async def test_an_event_has_its_payload_and_its_fates(get):
    entry = make_entry(1, source="guard", tenant="acme", raw_data=True)
    status, said = await get(f"/api/v1/events/{uid_text(entry.uid)}")
    data = said["data"]

    assert status == 200
    assert data["seq"] == 1
    assert data["raw"] == orjson.loads(entry.body)["raw_data"]
    assert data["event"]["metadata"]["uid"] == data["id"]
    assert data["fates"] == {"siem": "parked: mapping refused", "alerts": "filtered"}


async def test_delivered_and_filtered_are_told_apart_by_the_route_table(get):
    seq = next(n for n in range(2, 31) if make_entry(n).header.code.startswith("quarantine."))
    _, said = await get(f"/api/v1/events/{uid_text(make_entry(seq).uid)}")

    assert said["data"]["fates"] == {"siem": "delivered", "alerts": "delivered"}


async def test_a_connector_that_the_table_did_not_know_has_no_fate(start):
    services = make_services()
    services.log.states["later"] = "ok"
    client = await start(services)
    answer = await client.get(f"/api/v1/events/{uid_text(make_entry(2).uid)}")

    assert "later" not in (await answer.json())["data"]["fates"]


async def test_an_event_that_left_the_log_is_found_in_the_archive(start):
    services = make_services()
    services.log.stored.clear()
    client = await start(services)
    answer = await client.get(f"/api/v1/events/{uid_text(make_entry(5).uid)}")

    assert (await answer.json())["data"]["seq"] == 5


async def test_facets_count_values(get):
    status, said = await get("/api/v1/events/facets", field="code", limit=2)
    codes = [make_entry(seq).header.code for seq in range(1, 31)]

    assert status == 200
    assert len(said["data"]) == 2
    assert said["data"][0]["count"] == max(map(codes.count, codes))


async def test_an_unknown_facet_is_refused(get):
    status, _ = await get("/api/v1/events/facets", field="raw_data")

    assert status == 400


async def test_the_histogram_counts_every_event_once(get):
    status, said = await get("/api/v1/events/histogram", interval="1d")

    assert status == 200
    assert sum(bucket["count"] for bucket in said["data"]) == 30
    assert [bucket["start_ms"] for bucket in said["data"]] == sorted(b["start_ms"] for b in said["data"])


@pytest.mark.parametrize("interval", ["1s", "soon", "9999d", ""])
async def test_an_interval_out_of_range_is_refused(get, interval):
    status, said = await get("/api/v1/events/histogram", interval=interval)

    assert status == 400
    assert said["error"]["details"][0]["field"] == "interval"


async def test_without_an_archive_search_is_503(start):
    services = make_services()
    services.archive = None
    answer = await (await start(services)).get("/api/v1/events")

    assert answer.status == 503
