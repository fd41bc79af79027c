"""Books, sources, connectors, parked events, replays, captures, probes."""

import pytest
from pydantic import SecretStr

from hub.api.metrics import STORED
from hub.config.model import SourceConfig
from tests.factories.api import make_services
from tests.factories.events import NOW_MS

SOURCE = 'source="guard",tenant="default",vendor="mailguard"'
BOOK = {"connector", "recorded", "delivered", "filtered", "dropped", "parked", "pending", "blocked"}


async def test_books_have_the_promised_fields_and_balance(get):
    _, said = await get("/api/v1/books")

    assert {row["connector"] for row in said["data"]} == {"siem", "alerts"}
    for row in said["data"]:
        assert set(row) >= BOOK
        assert row["balanced"] is True
        assert row["recorded"] == sum(
            row[name] for name in ("delivered", "filtered", "dropped", "parked", "pending")
        )


async def test_books_that_do_not_balance_are_said_to_be(start):
    services = make_services()
    services.log.unbalanced = True
    said = await (await (await start(services)).get("/api/v1/books")).json()

    assert [row["balanced"] for row in said["data"]] == [False, False]
    assert "do not balance" in said["message"]


async def test_sources_are_the_configured_ones_with_their_status(get):
    _, said = await get("/api/v1/sources")
    guard, quiet = said["data"]

    assert guard == {
        "source": "guard",
        "vendor": "mailguard",
        "tenant": "default",
        "state": "failing",
        "last_event": "2025-10-09T08:53:20.000Z",
        "last_poll": "2025-10-09T08:53:19.000Z",
        "errors": 6,
        "unknown": 3,
        "streams": [{"stream": "audit", "next_poll": "2025-10-09T08:54:20.000Z", "cursor": "c7"}],
        "reason": "HTTP 502",
        "accepted": 12,
        "duplicate": 1,
        "rejected": 2,
        "webhook_url": None,
    }
    assert (quiet["source"], quiet["state"], quiet["last_event"]) == ("quiet", "waiting", None)


async def test_a_connector_is_paused_and_resumed(client, get):
    paused = await (await client.post("/api/v1/connectors/siem/pause")).json()
    _, listed = await get("/api/v1/connectors")
    resumed = await (await client.post("/api/v1/connectors/siem/resume")).json()

    assert paused["data"]["state"] == "paused"
    assert listed["data"][0]["state"] == "paused"
    assert listed["data"][0]["lag_s"] > 0
    assert resumed["data"]["state"] == "ok"


async def test_a_connector_has_exactly_the_promised_fields(get):
    _, said = await get("/api/v1/connectors")

    assert set(said["data"][0]) == {"connector", "kind", "state", "reason", "lag_events", "lag_s"}
    assert {row["kind"] for row in said["data"]} == {"opensearch", "file"}


async def test_one_that_left_the_configuration_is_orphaned_until_forgotten(start):
    services = make_services()
    services.log.states |= {"old": "ok", "siem@job": "ok"}
    client = await start(services)
    before = (await (await client.get("/api/v1/connectors")).json())["data"]
    answer = await client.post("/api/v1/connectors/old/forget")
    after = (await (await client.get("/api/v1/connectors")).json())["data"]

    assert [row["state"] for row in before if row["connector"] == "old"] == ["orphaned"]
    assert "siem@job" not in {row["connector"] for row in before}
    assert answer.status == 200
    assert "old" not in {row["connector"] for row in after}


async def test_a_configured_connector_is_not_forgotten(client):
    answer = await client.post("/api/v1/connectors/siem/forget")

    assert answer.status == 409


async def test_a_name_that_is_taken_is_a_conflict(client):
    answer = await client.post("/api/v1/connectors/siem/rename", json={"to": "alerts"})

    assert answer.status == 409


@pytest.mark.parametrize("name", ["a@b", "a b", "", "-x", "x" * 64, "{p}"])
async def test_a_name_that_is_no_name_is_refused(client, name):
    answer = await client.post("/api/v1/connectors/siem/rename", json={"to": name})

    assert answer.status == 400


async def test_renaming_moves_the_row(client, get):
    answer = await client.post("/api/v1/connectors/siem/rename", json={"to": "siem2"})
    _, said = await get("/api/v1/connectors")

    assert (await answer.json())["data"]["connector"] == "siem2"
    assert {row["connector"] for row in said["data"]} == {"siem2", "alerts"}


async def test_parked_events_are_listed_and_shown(get):
    _, listed = await get("/api/v1/parked", connector="siem")
    status, shown = await get("/api/v1/parked/siem:1")
    item = listed["data"][0]

    assert set(item) == {"id", "connector", "reason", "attempts", "since", "event_id"}
    assert item["id"] == "siem:1"
    assert status == 200
    assert shown["data"]["event"]["metadata"]["uid"] == item["event_id"]


async def test_parked_events_go_again_by_id_or_all_at_once(start):
    services = make_services()
    client = await start(services)
    by_id = await client.post("/api/v1/parked:replay", json={"ids": ["siem:1", "siem:1", "siem:99"]})
    again = await client.post("/api/v1/parked:replay", json={"connector": "siem"})

    assert (await by_id.json())["data"] == {"count": 1}
    assert (await again.json())["data"] == {"count": 0}
    assert services.log.waiting == []


async def test_a_dropped_event_has_that_fate(client, get):
    await client.post("/api/v1/parked:drop", json={"connector": "siem"})
    _, listed = await get("/api/v1/parked")
    _, books = await get("/api/v1/books")

    assert listed["data"] == []
    assert [row["dropped"] for row in books["data"] if row["connector"] == "siem"] == [1]


async def test_settling_parked_events_of_nobody_is_404(client):
    answer = await client.post("/api/v1/parked:drop", json={"connector": "nobody"})

    assert answer.status == 404


async def test_a_replay_is_started_once_per_key_and_runs_to_its_end(client, get):
    headers = {"Idempotency-Key": "k"}
    body = {"connector": "siem", "code": ["quarantine.added"]}
    first = await (await client.post("/api/v1/replays", json=body, headers=headers)).json()
    second = await (await client.post("/api/v1/replays", json=body, headers=headers)).json()
    path = f"/api/v1/replays/{first['data']['id']}"
    states = [(await get(path))[1]["data"]["state"] for _ in range(2)]
    _, listed = await get("/api/v1/replays")

    assert first == second
    assert states == ["sending", "done"]
    assert len(listed["data"]) == 1


async def test_a_dry_run_only_counts(client, get):
    answer = await client.post("/api/v1/replays", json={"connector": "siem", "dry_run": True})
    said = await answer.json()
    _, listed = await get("/api/v1/replays")

    assert answer.status == 200
    assert (said["data"]["matched"], said["data"]["state"]) == (30, "dry-run")
    assert listed["data"] == []


async def test_a_replay_is_cancelled(client):
    started = await (await client.post("/api/v1/replays", json={"connector": "siem"})).json()
    answer = await client.post(f"/api/v1/replays/{started['data']['id']}/cancel")

    assert (await answer.json())["data"]["state"] == "cancelled"


async def test_a_capture_is_started_and_fetched(client):
    started = await (await client.post("/api/v1/captures", json={"source": "guard", "minutes": 1})).json()
    path = f"/api/v1/captures/{started['data']['id']}"
    shown = await (await client.get(path)).json()
    lines = await client.get(path + "/requests")

    assert shown["data"]["requests"] == 1
    assert lines.content_type == "application/x-ndjson"
    assert b"signature_mismatch" in await lines.read()


async def test_an_unknown_source_is_not_captured(client):
    answer = await client.post("/api/v1/captures", json={"source": "nobody"})

    assert answer.status == 404


async def test_probes_need_no_token(start):
    client = await start(trusted=False)
    alive = await client.get("/healthz")
    ready = await client.get("/readyz")

    assert (alive.status, ready.status) == (200, 200)


async def test_a_log_that_cannot_be_written_is_not_ready_but_alive(start):
    services = make_services()
    services.log.down = True
    client = await start(services)
    ready = await client.get("/readyz")
    alive = await client.get("/healthz")

    assert ready.status == 503
    assert (await ready.json()) == {"status": "not ready", "reason": "the log cannot be reached"}
    assert alive.status == 200


async def test_metrics_hold_the_books_and_all_names_begin_with_mxhub(client):
    text = await (await client.get("/metrics")).text()
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}

    assert 'mxhub_connector_parked{connector="siem"} 1.0' in text
    assert 'mxhub_source_rejected{source="guard",tenant="default",vendor="mailguard"} 2.0' in text
    assert 'mxhub_counted_total{name="accepted"} 12.0' in text
    assert f"mxhub_source_seen_seconds{{{SOURCE}}} {NOW_MS / 1e12}e+09" in text
    assert set(STORED) <= names
    assert all(name.startswith("mxhub_") for name in names)


@pytest.mark.parametrize(
    ("public_url", "shown"),
    [(None, "/in/guard"), ("https://hub.example", "https://hub.example/in/guard")],
)
async def test_a_source_with_webhooks_says_where_they_have_to_go(start, public_url, shown):
    services = make_services()
    guard = SourceConfig(vendor="mailguard", secrets=(SecretStr("x" * 20),))
    services.settings = services.settings.model_copy(
        update={"public_url": public_url, "sources": {"guard": guard}}
    )
    said = await (await (await start(services)).get("/api/v1/sources")).json()

    assert said["data"][0]["webhook_url"] == shown


async def test_errors_of_a_source_are_one_number_in_the_api_and_in_the_metrics(client, get):
    text = await (await client.get("/metrics")).text()
    _, said = await get("/api/v1/sources")

    assert said["data"][0]["errors"] == 6
    assert f"mxhub_source_errors{{{SOURCE}}} 6.0" in text
    assert f"mxhub_source_failed_polls{{{SOURCE}}} 4.0" in text


async def test_metrics_without_a_store_say_only_that(start):
    services = make_services()
    services.log.down = True
    text = await (await (await start(services)).get("/metrics")).text()

    assert "mxhub_store_up 0.0" in text
    assert "mxhub_connector_parked" not in text
