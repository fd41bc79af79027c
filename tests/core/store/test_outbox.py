import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store import outbox
from tests.factories.core import NOW_MS, open_store


@pytest.fixture
def db(tmp_path):
    db = open_store(tmp_path)
    outbox.configure(db, "a", url="http://127.0.0.1/", secret="s")
    yield db
    db.close()


def emit(db, count=1, name="quarantine.added"):
    return [outbox.emit(db, name, "node-1", NOW_MS, {"n": number}) for number in range(count)]


def waiting(db, endpoint="a", limit=100):
    return [delivery.event.id for delivery in outbox.waiting(db, endpoint, limit)]


def test_events_wait_in_the_order_in_which_they_happened(db):
    ids = emit(db, 3)

    assert waiting(db) == ids
    assert all(event_id.startswith("evt_") for event_id in ids)


def test_a_delivered_event_waits_no_more(db):
    ids = emit(db, 2)
    outbox.delivered(db, "a", outbox.waiting(db, "a", 1)[0].event.seq)

    assert waiting(db) == ids[1:]


def test_a_failed_event_stays_at_the_head_with_its_due_time(db):
    ids = emit(db, 2)
    outbox.failed(db, "a", NOW_MS + 500)
    head = outbox.waiting(db, "a", 1)[0]

    assert (head.event.id, head.endpoint.attempts, head.endpoint.due_ms) == (ids[0], 1, NOW_MS + 500)


def test_an_endpoint_gets_only_the_events_it_asked_for(db):
    outbox.configure(db, "b", url="http://127.0.0.1/", secret="s", names=["cert.expiring"])
    emit(db)
    (wanted,) = emit(db, name="cert.expiring")

    assert waiting(db, "b") == [wanted]


def test_a_new_endpoint_begins_now_and_a_changed_one_keeps_its_place(db):
    ids = emit(db, 2)
    outbox.configure(db, "b", url="http://127.0.0.1/", secret="s")
    outbox.configure(db, "a", url="http://127.0.0.1:1/", secret="t")

    assert waiting(db, "b") == []
    assert waiting(db, "a") == ids


def test_trim_keeps_what_somebody_still_waits_for(db):
    ids = emit(db, 3)
    outbox.delivered(db, "a", 1)

    assert outbox.trim(db, keep=100) == 0
    assert waiting(db) == ids[1:]
    assert db.execute("SELECT COUNT(*) FROM event").fetchone()[0] == 2


def test_trim_bounds_what_waits_and_counts_what_it_gave_up(db):
    ids = emit(db, 10)

    assert outbox.trim(db, keep=4) == 6
    assert waiting(db) == ids[6:]
    assert outbox.endpoints(db)[0].given_up == 6


def test_without_an_endpoint_nothing_piles_up(db):
    outbox.remove(db, "a")
    emit(db, 3)
    outbox.trim(db, keep=100)

    assert db.execute("SELECT COUNT(*) FROM event").fetchone()[0] == 0


def test_numbers_are_not_used_again_after_a_trim(db):
    emit(db, 2)
    outbox.delivered(db, "a", 2)
    outbox.trim(db, keep=100)
    (new,) = emit(db)

    assert waiting(db) == [new]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["emit", "other", "deliver", "fail", "trim"]), max_size=40))
def test_every_wanted_event_is_delivered_waiting_or_given_up(tmp_path, steps):
    (tmp_path / "core.sqlite3").unlink(missing_ok=True)
    db = open_store(tmp_path)
    outbox.configure(db, "a", url="http://127.0.0.1/", secret="s", names=["cert.expiring"])
    wanted = 0
    for step in steps:
        if step == "emit":
            wanted += len(emit(db, name="cert.expiring"))
        elif step == "other":
            emit(db)
        elif step == "deliver" and (head := outbox.waiting(db, "a", 1)):
            outbox.delivered(db, "a", head[0].event.seq)
        elif step == "fail":
            outbox.failed(db, "a", NOW_MS)
        elif step == "trim":
            outbox.trim(db, keep=5)
    endpoint = outbox.endpoints(db)[0]
    left = len(outbox.waiting(db, "a", 100))
    db.close()

    assert endpoint.delivered + endpoint.given_up + left == wanted
