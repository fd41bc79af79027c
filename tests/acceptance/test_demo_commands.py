"""The demo as a newcomer meets it: `mxhub run` in an empty folder, and every command against it."""

import base64
import hashlib
import json
import os
import subprocess
import time

import orjson
import pytest

from tests.factories.process import MXHUB, clean_environment, mxhub, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

BOOK = {"connector", "recorded", "delivered", "filtered", "dropped", "parked", "pending", "blocked"}
SOURCE = {"source", "vendor", "tenant", "state", "last_event", "last_poll", "errors", "unknown", "streams"}
CONNECTOR = {"connector", "kind", "state", "reason", "lag_events", "lag_s"}


def lines(hub, *arguments):
    """A command that prints one object a line."""
    done = mxhub(*arguments, "--json", "--data", str(hub.data), cwd=hub.folder)
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def events(demo):
    """Some events, newest first."""
    return until(lambda: found if len(found := lines(demo, "events", "--limit", "200")) >= 10 else None)


def test_events_are_visible_within_five_seconds(demo):
    took = until(lambda: lines(demo, "events"), 10) and time.time() - os.path.getmtime(
        demo.data / "runtime.json"
    )

    assert took < 5 + 3  # each look is a process of its own on a busy machine
    assert "quarantine." in until(lambda: demo.out() if "quarantine." in demo.out() else None)
    assert demo.url in demo.out()


def test_events_are_ocsf_newest_first_and_paged_without_a_repeat(demo, events):
    happened = [event["time"] for event in events]

    assert happened == sorted(happened, reverse=True)
    assert len({event["metadata"]["uid"] for event in events}) == len(events)
    assert {event["metadata"]["version"] for event in events} == {"1.8.0"}


def test_events_of_the_sandbox_are_the_demos_and_those_of_the_core_its_operators(demo, events):
    tenants = {event["metadata"]["tenant_uid"] for event in events}
    theirs = {
        event["metadata"]["tenant_uid"] for event in lines(demo, "events", "--source", "mailguard-demo")
    }

    assert theirs == {"demo"}
    assert tenants <= {"demo", "default"}


def test_events_come_by_webhook_and_by_poll(demo):
    def both():
        (source,) = [one for one in demo.ask("sources") if one["source"] == "mailguard-demo"]
        return source if source["last_event"] and source["last_poll"] else None

    source = until(both, 30)

    assert set(source) == SOURCE
    assert (source["vendor"], source["tenant"], source["state"], source["errors"]) == (
        "mailguard",
        "demo",
        "ok",
        0,
    )
    assert {one["stream"].rpartition("/")[2] for one in source["streams"]} >= {"audit", "quarantine"}


@pytest.mark.parametrize(
    "selection",
    [
        ("--severity", ">=3"),
        ("--code", "quarantine.added"),
        ("--source", "mailguard-demo"),
        ("--class", "4009"),
        ("--since", "1h"),
        ("--disposition", "Quarantined"),
    ],
)
def test_a_selection_gives_only_what_it_names(demo, events, selection):
    found = until(lambda: lines(demo, "events", *selection))

    flag, value = selection
    for event in found:
        seen = {
            "--severity": event["severity_id"] >= 3,
            "--code": event["metadata"]["event_code"] == value,
            "--source": event["metadata"]["log_provider"] == value,
            "--class": event["class_uid"] == 4009,
            "--since": event["time"] > (time.time() - 3700) * 1000,
            "--disposition": event.get("disposition") == value,
        }
        assert seen[flag]


def test_one_event_is_shown_with_its_raw_payload_and_its_fate_at_every_connector(demo, events):
    uid = events[-1]["metadata"]["uid"]

    shown = until(lambda: one if "pending" not in (one := demo.ask("event", uid))["fates"].values() else None)

    assert shown["id"] == uid
    assert shown["event"]["metadata"]["uid"] == uid
    assert shown["raw"] == events[-1]["raw_data"]
    assert set(shown["fates"]) == {"everything", "alerts"}
    assert shown["fates"]["everything"] == "delivered"


def test_an_unknown_event_is_told_with_exit_code_1(demo):
    done = mxhub("event", "0" * 32, "--data", str(demo.data), cwd=demo.folder)

    assert done.returncode == 1
    assert done.stderr.startswith("mxhub: ")


def test_the_trail_of_a_message_has_its_events_oldest_first(demo):
    def traced():
        return next(
            (e for e in lines(demo, "events", "--code", "quarantine.added") if e["email"].get("message_uid")),
            None,
        )

    message = until(traced)["email"]["message_uid"]

    trail = lines(demo, "trail", message)

    assert {event["email"]["message_uid"] for event in trail} == {message}
    assert [event["time"] for event in trail] == sorted(event["time"] for event in trail)


def test_the_books_balance_and_have_the_promised_fields(demo, events):
    books = demo.ask("books")

    assert {book["connector"] for book in books} == {"alerts", "everything"}
    for book in books:
        assert set(book) == BOOK
        parts = ("delivered", "filtered", "dropped", "parked", "pending")
        assert book["recorded"] == sum(book[part] for part in parts) >= 10
        assert book["blocked"] is None


def test_a_connector_pauses_and_resumes(demo):
    def state():
        (row,) = [row for row in demo.ask("connectors") if row["connector"] == "alerts"]
        assert set(row) == CONNECTOR
        return row["state"]

    demo.ask("connectors", "pause", "alerts")
    paused = state()
    demo.ask("connectors", "resume", "alerts")

    assert paused == "paused"
    assert until(lambda: state() == "ok")


def test_nothing_is_parked_in_a_healthy_demo(demo):
    assert demo.ask("parked", "ls") == []


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_an_export_has_a_manifest_whose_hash_holds(demo, events, form):
    name = f"out-{form}"

    said = demo.ask("export", "--format", form, "--output", name, "--code", "quarantine.added")

    manifest = json.loads((demo.folder / f"{name}.manifest.json").read_text())
    raw = (demo.folder / name).read_bytes()
    assert manifest["sha256"] == hashlib.sha256(raw).hexdigest() == said["sha256"]
    assert manifest["count"] == raw.count(b"\n") - (form == "csv") > 0
    assert manifest["gaps"] == []
    assert "quarantine.added" in json.dumps(manifest["query"])


def test_a_replay_is_counted_dry_and_then_sent_again(demo, events):
    until = demo_until(demo)
    arguments = ("replay", "--since", "1h", "--code", "quarantine.added", *until, "--to", "everything")

    dry = demo.ask(*arguments, "--dry-run")
    done = demo.ask(*arguments)

    assert (dry["state"], dry["delivered"]) == ("dry-run", 0)
    assert dry["matched"] == done["matched"] == done["delivered"] > 0
    assert done["state"] == "done"
    copies = (demo.data / "demo" / "events.ndjson").read_bytes().count(events[-1]["metadata"]["uid"].encode())
    assert copies >= 1


def demo_until(hub):
    """Flags that end a selection now, so that two counts are of the same events."""
    newest = lines(hub, "events", "--limit", "1")[0]["metadata"]["logged_time"]
    return ("--recorded-until", str(newest))


def test_a_refused_request_is_captured_and_verify_says_why(demo):
    output = demo.folder / "capture.jsonl"
    capturing = subprocess.Popen(
        [MXHUB, "capture", "mailguard-demo", "--minutes", "1", "-o", output, "--data", demo.data],
        cwd=demo.folder, env=clean_environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "capturing" in capturing.stderr.readline()
    status, said = demo.post(
        "/in/mailguard-demo", b'{"event":"x"}', X_MailGuard_Signature="sha256=" + "0" * 64
    )
    time.sleep(1.2)
    capturing.send_signal(2)
    capturing.wait(15)
    capturing.stderr.close()

    secret = (demo.data / "demo" / "webhook-secret").read_text()
    checked = mxhub(
        "verify",
        str(output),
        "--vendor",
        "mailguard",
        "--secret-env",
        "S",
        "--json",
        cwd=demo.folder,
        S=secret,
    )

    assert (status, said["error"]["code"]) == (401, "signature_mismatch")
    assert output.stat().st_mode & 0o777 == 0o600
    assert base64.b64encode(b'{"event":"x"}') in output.read_bytes()
    (explained,) = json.loads(checked.stdout)
    assert checked.returncode == 1
    assert (explained["verified"], explained["refused_because"]) == (False, "signature_mismatch")
    assert explained["hints"] or explained["trials"]


def test_probes_and_metrics_answer_without_a_token(demo):
    alive, ready, metrics = demo.get("/healthz"), demo.get("/readyz"), demo.get("/metrics")

    assert (alive[0], ready[0], metrics[0]) == (200, 200, 200)
    names = {line.split(b" ")[2] for line in metrics[1].splitlines() if line.startswith(b"# TYPE")}
    own = {name for name in names if name.startswith(b"mxhub_")}
    assert b"mxhub_webhooks_total" in own
    assert names - own <= {name for name in names if name.startswith((b"process_", b"python_"))}


def test_the_public_listener_gives_the_api_to_nobody_without_a_token(demo):
    status, said = demo.get("/api/v1/events")

    assert status == 401
    assert orjson.loads(said)["error"]["code"] == "UNAUTHORIZED"


def test_the_description_of_the_api_is_served(demo):
    status, said = demo.get("/api/v1/openapi.json")

    assert status == 200
    assert orjson.loads(said)["openapi"].startswith("3.1")


def test_without_a_running_hub_a_client_command_ends_with_3(folder):
    done = mxhub("events", cwd=folder)

    assert done.returncode == 3
    assert done.stderr.startswith("mxhub: ")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("events", "--limit", "x"), ("run", "--config", "none.yaml"), ("run", "--listen", "x")],
)
def test_wrong_usage_ends_with_2(folder, arguments):
    assert mxhub(*arguments, cwd=folder).returncode == 2
