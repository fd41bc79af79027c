import sqlite3

import pytest

from core.store import estate, quarantine
from tests.factories.core import NOW_MS, held, open_store


@pytest.fixture
def db(tmp_path):
    db = open_store(tmp_path)
    quarantine.add(db, held(1, score=8.5, sender="a@deal.top"), b"one")
    quarantine.add(db, held(2, score=12.0, domain="nordwind.example", reason="phishing"), b"two")
    quarantine.add(db, held(3, score=20.0, sender="b@xdeal.top"), b"three")
    yield db
    db.close()


def listed(db, limit=100, offset=0, **narrow):
    found = quarantine.page(db, quarantine.Filter(**narrow), limit=limit, offset=offset)
    return [int(item.queue_id, 16) for item in found]


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"domain": "nordwind.example"}, [2]),
        ({"sender": "a@deal.top"}, [1]),
        ({"sender": "deal.top"}, [2, 1]),
        ({"sender": "@deal.top"}, [2, 1]),
        ({"since_ms": NOW_MS + 2000}, [3, 2]),
        ({"min_score": 12.0}, [3, 2]),
        ({"max_score": 12.0}, [2, 1]),
        ({"reason": "phishing"}, [2]),
    ],
)
def test_a_listing_is_newest_first_and_narrowed(db, narrow, expected):
    assert listed(db, **narrow) == expected


def test_limit_and_offset_page(db):
    assert [listed(db, limit=2), listed(db, limit=2, offset=2)] == [[3, 2], [1]]


def test_messages_of_a_node_that_is_away_are_not_listed(db):
    estate.set_present(db, "node-1", present=False)

    assert listed(db) == []


def test_a_queue_id_is_unique_while_held_and_free_afterwards(db):
    with pytest.raises(sqlite3.IntegrityError):
        quarantine.add(db, held(1), b"again")
    quarantine.discard_row(db, "node-1", held(1).queue_id)
    quarantine.add(db, held(1, arrived_ms=NOW_MS + 9000), b"again")

    assert quarantine.find(db, "node-1", held(1).queue_id) == (held(1, arrived_ms=NOW_MS + 9000), b"again")
