import stat
from types import SimpleNamespace

import orjson
import pytest

from hub.cli import capture as capturing
from hub.cli import replay as replaying
from hub.store.base import ParkedRow
from tests.factories.api import make_services
from tests.factories.events import NOW_MS


def said(result):
    return orjson.loads(result.stdout)


def test_books_have_exactly_the_promised_fields(hub):
    result = hub.run("books", "--json")

    assert result.exit_code == 0
    assert [list(row) for row in said(result)] == [
        ["connector", "recorded", "delivered", "filtered", "dropped", "parked", "pending", "blocked"]
    ] * 2


def test_books_that_do_not_balance_are_exit_1(start_hub):
    services = make_services()
    services.log.unbalanced = True
    result = start_hub(services).run("books", "--json")

    assert result.exit_code == 1
    assert len(said(result)) == 2
    assert "do not balance" in result.stderr


def test_books_for_people_say_that_they_balance(hub):
    result = hub.run("books")

    assert result.exit_code == 0
    assert result.stdout.endswith("the books balance\n")


def test_sources_have_exactly_the_promised_fields(hub):
    rows = said(hub.run("sources", "--json"))

    assert list(rows[0]) == [
        "source", "vendor", "tenant", "state", "last_event", "last_poll", "errors", "unknown", "streams"
    ]  # fmt: skip
    assert rows[0]["streams"][0]["stream"] == "audit"
    assert "HTTP 502" in hub.run("sources").stdout


@pytest.mark.parametrize("arguments", [("connectors", "--json"), ("connectors", "ls", "--json")])
def test_connectors_have_exactly_the_promised_fields(hub, arguments):
    rows = said(hub.run(*arguments))

    assert [list(row) for row in rows] == [
        ["connector", "kind", "state", "reason", "lag_events", "lag_s"]
    ] * 2


def test_the_group_hands_its_data_directory_on(hub):
    from click.testing import CliRunner

    from hub.cli import main

    result = CliRunner().invoke(main, ["connectors", "--data", str(hub.data), "ls", "--json"])

    assert len(said(result)) == 2


def test_a_connector_is_paused_resumed_and_renamed(hub):
    assert "paused" in hub.run("connectors", "pause", "siem").stdout
    assert said(hub.run("connectors", "resume", "siem", "--json"))["state"] == "ok"
    assert hub.run("connectors", "rename", "siem", "siem2").exit_code == 0
    assert hub.run("connectors", "pause", "siem").exit_code == 1
    assert hub.run("connectors", "forget", "siem2").exit_code == 0


def test_resuming_one_that_is_not_held_up_says_so(hub):
    free = hub.run("connectors", "resume", "siem").stdout
    hub.run("connectors", "pause", "siem")

    assert free == "siem was not held up: it is neither paused nor blocked.\n"
    assert hub.run("connectors", "resume", "siem").stdout == "siem goes on.\n"


def test_a_configured_connector_is_not_forgotten(hub):
    result = hub.run("connectors", "forget", "siem")

    assert result.exit_code == 1
    assert "configuration" in result.stderr


def test_parked_events_are_listed_shown_and_replayed(hub):
    (row,) = said(hub.run("parked", "ls", "--json"))
    shown = hub.run("parked", "show", row["id"])
    replayed = said(hub.run("parked", "replay", row["id"], "--json"))

    assert list(row) == ["id", "connector", "reason", "attempts", "since", "event_id"]
    assert "mapping refused" in shown.stdout
    assert replayed == {"count": 1}
    assert said(hub.run("parked", "ls", "--json")) == []


def test_more_ids_than_a_request_takes_are_sent_in_steps(start_hub):
    services = make_services()
    services.log.waiting = [ParkedRow("siem", seq, "u", "r", 1, NOW_MS) for seq in range(1, 1502)]
    ids = [f"siem:{seq}" for seq in range(1, 1502)]

    assert said(start_hub(services).run("parked", "drop", *ids, "--yes", "--json")) == {"count": 1501}


def test_everything_that_a_connector_has_parked_is_dropped(hub):
    assert hub.run("parked", "drop", "--connector", "siem", "--yes").stdout == "1 dropped\n"


def test_settling_nothing_is_a_usage_error(hub):
    assert hub.run("parked", "replay").exit_code == 2


def test_a_replay_is_watched_to_its_end(hub, monkeypatch):
    monkeypatch.setattr(replaying, "_PAUSE_S", 0.0)
    result = hub.run("replay", "--to", "siem", "--since", "2025-01-01", "--query", "")

    assert result.exit_code == 0
    assert "30 of 30" in result.stdout
    assert "30 of 30 events delivered, 0 parked" in result.stdout


def test_the_bar_of_a_terminal_ends_with_the_same_line(hub, monkeypatch):
    monkeypatch.setattr(replaying, "_PAUSE_S", 0.0)
    monkeypatch.setattr(replaying, "terminal", lambda: True)
    result = hub.run("replay", "--to", "siem")

    assert result.exit_code == 0
    assert "30/30" in result.stdout
    assert "30 of 30 events delivered" in result.stdout


def test_a_dry_run_sends_nothing(hub):
    result = hub.run("replay", "--to", "siem", "--dry-run", "--code", "message.delivered")

    assert "nothing was sent" in result.stdout
    assert said(hub.run("replay", "--list", "--json")) == []


def test_a_replay_is_detached_listed_and_cancelled(hub):
    job = said(hub.run("replay", "--to", "siem", "--detach", "--json"))
    cancelled = said(hub.run("replay", "--cancel", job["id"], "--json"))

    assert job["state"] == "running"
    assert [one["state"] for one in cancelled] == ["cancelled"]
    assert job["id"] in hub.run("replay", "--list").stdout


def test_a_replay_to_nowhere_is_refused(hub):
    assert hub.run("replay").exit_code == 2
    assert hub.run("replay", "--to", "nobody").exit_code == 1


def test_a_capture_waits_and_writes_a_private_file(hub, tmp_path, monkeypatch):
    moments = iter([0.0, *([1.0] * 3), 100.0, 100.0])
    clock = SimpleNamespace(monotonic=lambda: next(moments), sleep=lambda _: None)
    monkeypatch.setattr(capturing, "time", clock)
    target = tmp_path / "c.jsonl"
    result = hub.run("capture", "guard", "--minutes", "1", "-o", str(target))

    assert result.exit_code == 0
    assert "1 refused requests" in result.stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert orjson.loads(target.read_bytes())["reason"] == "signature_mismatch"


def test_a_capture_that_is_interrupted_writes_what_there_is(hub, tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(capturing, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=interrupted))
    target = tmp_path / "c.jsonl"
    result = hub.run("capture", "guard", "-o", str(target), "--json")

    assert said(result) == {"source": "guard", "requests": 1, "file": str(target)}


def test_a_source_that_is_not_configured_is_exit_1(hub, tmp_path):
    assert hub.run("capture", "nobody", "-o", str(tmp_path / "c")).exit_code == 1
