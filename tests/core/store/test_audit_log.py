import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store import audit, estate
from tests.factories.core import NOW_MS, open_store

ADMIN = audit.Actor(type="user", name="admin")


@pytest.fixture
def db(tmp_path):
    db = open_store(tmp_path)
    yield db
    db.close()


def write(
    db, at_ms=NOW_MS, node="node-1", action="auth.login", resource="user/admin", actor=ADMIN, domain=""
):
    return audit.append(
        db, node, at_ms, audit.Note(actor=actor, action=action, resource=resource, domain=domain)
    )


def ids(db, after=None, limit=100, **filters):
    return [entry.id for entry in audit.page(db, audit.Query(**filters), after, limit)]


def test_entries_are_numbered_per_node(db):
    assert [write(db), write(db), write(db, node="node-9")] == ["node-1:1", "node-1:2", "node-9:1"]


def test_entries_can_be_neither_changed_nor_deleted(db):
    write(db)

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("UPDATE audit SET result = 'failure'")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("DELETE FROM audit")


def test_an_entry_altered_behind_the_back_is_flagged(db):
    write(db)
    write(db)
    db.execute("DROP TRIGGER audit_append_only")
    db.execute("UPDATE audit SET actor_name = 'nobody' WHERE number = 1")

    assert [entry.sealed for entry in audit.page(db, audit.Query(), None, 10)] == [False, True]


def test_a_node_that_is_away_shows_its_entries_when_it_is_back(db):
    estate.beat(db, "node-2", "10.0.0.2", NOW_MS)
    write(db, NOW_MS + 1)
    write(db, NOW_MS, node="node-2")

    assert ids(db) == ["node-1:1"]
    estate.set_present(db, "node-2", present=True)
    assert ids(db) == ["node-2:1", "node-1:1"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"actor": "m.keller"}, ["node-1:2"]),
        ({"resource": "user"}, ["node-1:1", "node-1:2"]),
        ({"resource": "quarantine/node-1"}, ["node-1:3"]),
        ({"resource": "quarantine/node-1/4F2A"}, ["node-1:3"]),
        ({"resource": "quarantine/node"}, []),
        ({"domain": "acme.example"}, ["node-1:3"]),
        ({"from_ms": NOW_MS + 1, "to_ms": NOW_MS + 1}, ["node-1:2"]),
    ],
)
def test_filters_narrow(db, filters, expected):
    write(db)
    write(db, NOW_MS + 1, actor=audit.Actor(type="user", name="m.keller"))
    write(db, NOW_MS + 2, resource="quarantine/node-1/4F2A", domain="acme.example")

    assert ids(db, **filters) == expected


def test_retention_removes_the_old_and_keeps_the_numbering(db):
    for offset in range(3):
        write(db, NOW_MS + offset)

    assert audit.prune(db, NOW_MS + 5) == 2
    assert write(db, NOW_MS + 9) == "node-1:4"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["node-1", "node-2"])), max_size=20),
    st.integers(1, 7),
)
def test_pages_hold_every_entry_once_in_order(tmp_path, rows, limit):
    (tmp_path / "core.sqlite3").unlink(missing_ok=True)
    db = open_store(tmp_path)
    estate.beat(db, "node-2", "", NOW_MS)
    estate.set_present(db, "node-2", present=True)
    written = {write(db, NOW_MS + offset, node=node) for offset, node in rows}
    seen, after = [], None
    while page := audit.page(db, audit.Query(), after, limit):
        seen += page
        after = page[-1].position
    db.close()

    keys = [(entry.position.at_ms, entry.position.node_id, entry.position.number) for entry in seen]
    assert keys == sorted(keys)
    assert {entry.id for entry in seen} == written
    assert len(seen) == len(written)
