import pytest

from core.sandbox.estate import licence_server
from core.service.detectors import Limits, Watch, detect
from core.store import audit, estate, outbox
from core.store.clock import DAY_MS
from tests.factories.core import NOW_MS, open_store

LIMITS = Limits()
WATCH = Watch(node_id="node-1", limits=LIMITS, licence_server=licence_server)


@pytest.fixture
def db(tmp_path):
    db = open_store(tmp_path)
    outbox.configure(db, "a", url="http://127.0.0.1/", secret="s")
    yield db
    db.close()


def run(db, now_ms):
    """Detect with the own node's heart beating, and return what became known since."""
    estate.beat(db, "node-1", "10.0.0.1", now_ms)
    detect(db, WATCH, now_ms)
    events = [delivery.event for delivery in outbox.waiting(db, "a", 100)]
    for event in events:
        outbox.delivered(db, "a", event.seq)
    return [(event.name, event.data) for event in events]


def test_nothing_due_is_nothing_said(db):
    assert run(db, NOW_MS) == []


def test_a_node_joins_with_its_first_heartbeat_and_leaves_after_its_last(db):
    estate.beat(db, "node-2", "10.0.0.2", NOW_MS)
    joined = run(db, NOW_MS)
    kept = run(db, NOW_MS + LIMITS.heartbeat_timeout_ms)
    left = run(db, NOW_MS + LIMITS.heartbeat_timeout_ms + 1)
    still_gone = run(db, NOW_MS + 10 * LIMITS.heartbeat_timeout_ms)

    assert [[name for name, _ in step] for step in (joined, kept, left, still_gone)] == [
        ["cluster.node_joined"],
        [],
        ["cluster.node_left"],
        [],
    ]
    assert left[0][1]["node_id"] == "node-2"
    assert left[0][1]["last_heartbeat_at"] == "2026-05-01T07:22:13Z"


def test_a_dkim_key_is_announced_thirty_days_ahead_and_once(db):
    created_ms = NOW_MS - LIMITS.dkim_lifetime_ms + 30 * DAY_MS
    estate.add_dkim_key(db, estate.DkimKey(domain="acme.example", selector="nmg1", created_ms=created_ms))

    assert run(db, NOW_MS - 1) == []
    ((name, data),) = run(db, NOW_MS)
    assert (name, data["domain"], data["selector"], data["days_left"]) == (
        "dkim.rotation_due",
        "acme.example",
        "nmg1",
        30,
    )
    assert run(db, NOW_MS + DAY_MS) == []


def test_a_certificate_is_announced_within_its_warning_days_and_once(db):
    not_after_ms = NOW_MS + LIMITS.certificate_warning_ms
    certificate = estate.Certificate(serial="0a", subject="CN=mx1", issuer="CN=CA", not_after_ms=not_after_ms)
    estate.add_certificate(db, certificate)

    assert run(db, NOW_MS - 1) == []
    ((name, data),) = run(db, NOW_MS)
    assert (name, data["serial"], data["days_left"]) == ("cert.expiring", "0a", 14)
    assert run(db, NOW_MS + DAY_MS) == []


def test_a_licence_is_refreshed_when_due_and_a_tier_change_is_named(db):
    trial = estate.Licence(
        tier="trial", max_domains=5, valid_until_ms=NOW_MS, refreshed_ms=0, refresh_due_ms=NOW_MS
    )
    estate.put_licence(db, trial)

    ((name, data),) = run(db, NOW_MS)
    assert (name, data["change"], data["previous_tier"], data["tier"]) == (
        "license.changed",
        "tier",
        "trial",
        "standard",
    )
    assert run(db, NOW_MS + 1) == []
    ((_, again),) = run(db, NOW_MS + LIMITS.licence_interval_ms)
    assert again["change"] == "refresh"


def test_what_was_detected_is_on_record_too(db):
    estate.beat(db, "node-2", "10.0.0.2", NOW_MS)
    run(db, NOW_MS)

    assert [entry.action for entry in audit.page(db, audit.Query(), None, 10)] == ["cluster.node_joined"]
