import pytest

from core.service import actions
from core.store import audit, estate, outbox, quarantine
from tests.factories.core import NOW_MS, held, open_store

KEY = audit.Actor(type="api_key", name="siem", key_prefix="nmg_0123456789abcdef", ip="127.0.0.1")
ITEM = held(1)


@pytest.fixture
def db(tmp_path):
    db = open_store(tmp_path)
    outbox.configure(db, "a", url="http://127.0.0.1/", secret="s")
    quarantine.add(db, ITEM, b"bytes")
    yield db
    db.close()


@pytest.mark.parametrize(
    ("act", "event", "action"),
    [
        (actions.release, "quarantine.released", "quarantine.release"),
        (actions.discard, "quarantine.discarded", "quarantine.discard"),
    ],
)
def test_a_settled_message_is_gone_announced_and_on_record(db, act, event, action):
    act(db, "node-1", ITEM.queue_id, KEY, NOW_MS + 5)
    (delivery,) = outbox.waiting(db, "a", 10)
    (entry,) = audit.page(db, audit.Query(), None, 10)

    assert quarantine.count(db) == 0
    assert delivery.event.name == event
    assert delivery.event.data == {**ITEM.as_dict(), "actor": KEY.as_dict()}
    assert (entry.action, entry.resource) == (action, f"quarantine/node-1/{ITEM.queue_id}")
    assert entry.details["subject"] == ITEM.subject
    assert entry.actor == KEY.as_dict()


@pytest.mark.parametrize("act", [actions.release, actions.discard, actions.body])
def test_what_is_not_held_is_refused(db, act):
    arguments = ("node-1", "00000099") if act is actions.body else ("node-1", "00000099", KEY, NOW_MS)

    with pytest.raises(actions.NotHeld, match="00000099"):
        act(db, *arguments)


def test_a_second_release_finds_nothing(db):
    actions.release(db, "node-1", ITEM.queue_id, KEY, NOW_MS)

    with pytest.raises(actions.NotHeld):
        actions.release(db, "node-1", ITEM.queue_id, KEY, NOW_MS)


def test_another_domains_message_counts_as_not_held(db):
    with pytest.raises(actions.NotHeld):
        actions.release(db, "node-1", ITEM.queue_id, KEY, NOW_MS, domain="nordwind.example")

    assert actions.body(db, "node-1", ITEM.queue_id, domain="acme.example") == b"bytes"


def test_a_node_that_is_away_cannot_be_asked(db):
    estate.set_present(db, "node-1", present=False)

    with pytest.raises(actions.NodeUnreachable, match="temporarily unreachable"):
        actions.release(db, "node-1", ITEM.queue_id, KEY, NOW_MS)


def test_training_is_on_record_and_keeps_the_message(db):
    actions.retrain(db, "node-1", ITEM.queue_id, "ham", KEY, NOW_MS)
    (entry,) = audit.page(db, audit.Query(), None, 10)

    assert entry.action == "quarantine.train_ham"
    assert quarantine.count(db) == 1
    assert outbox.waiting(db, "a", 10) == []
