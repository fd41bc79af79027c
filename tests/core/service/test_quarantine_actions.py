import pytest

from core.service import actions
from core.service.event_names import EVENT_NAMES
from core.store import audit, estate, outbox, quarantine
from tests.factories.core import NOW_MS, held

KEY = audit.Actor(type="api_key", name="siem", key_prefix="nmg_0123456789abcdef", ip="127.0.0.1")
ITEM = held(1)


@pytest.fixture
async def tx(tx):
    await outbox.configure(tx, "a", url="http://127.0.0.1/", secret="s", names=EVENT_NAMES)
    await quarantine.add(tx, ITEM, b"bytes")
    return tx


@pytest.mark.parametrize(
    ("act", "event", "action"),
    [
        (actions.release, "quarantine.released", "quarantine.release"),
        (actions.discard, "quarantine.discarded", "quarantine.discard"),
    ],
)
async def test_a_settled_message_is_gone_announced_and_on_record(tx, act, event, action):
    await act(tx, "node-1", ITEM.queue_id, KEY, NOW_MS + 5)
    (delivery,) = await outbox.waiting(tx, "a", 10)
    (entry,) = await audit.page(tx, audit.Query(), None, 10)

    assert await quarantine.count(tx) == 0
    assert delivery.event.name == event
    assert delivery.event.data == {**ITEM.as_dict(), "actor": KEY.as_dict()}
    assert (entry.action, entry.resource) == (action, f"quarantine/node-1/{ITEM.queue_id}")
    assert entry.details["subject"] == ITEM.subject
    assert entry.actor == KEY.as_dict()


@pytest.mark.parametrize("act", [actions.release, actions.discard, actions.body])
async def test_what_is_not_held_is_refused(tx, act):
    arguments = ("node-1", "00000099") if act is actions.body else ("node-1", "00000099", KEY, NOW_MS)

    with pytest.raises(actions.NotHeld, match="00000099"):
        await act(tx, *arguments)


async def test_a_second_release_finds_nothing(tx):
    await actions.release(tx, "node-1", ITEM.queue_id, KEY, NOW_MS)

    with pytest.raises(actions.NotHeld):
        await actions.release(tx, "node-1", ITEM.queue_id, KEY, NOW_MS)


async def test_another_domains_message_counts_as_not_held(tx):
    with pytest.raises(actions.NotHeld):
        await actions.release(tx, "node-1", ITEM.queue_id, KEY, NOW_MS, domain="nordwind.example")

    assert await actions.body(tx, "node-1", ITEM.queue_id, domain="acme.example") == b"bytes"


async def test_a_node_that_is_away_cannot_be_asked(tx):
    await estate.set_present(tx, "node-1", present=False)

    with pytest.raises(actions.NodeUnreachable, match="temporarily unreachable"):
        await actions.release(tx, "node-1", ITEM.queue_id, KEY, NOW_MS)


async def test_training_is_on_record_and_keeps_the_message(tx):
    await actions.retrain(tx, "node-1", ITEM.queue_id, "ham", KEY, NOW_MS)
    (entry,) = await audit.page(tx, audit.Query(), None, 10)

    assert entry.action == "quarantine.train_ham"
    assert await quarantine.count(tx) == 1
    assert await outbox.waiting(tx, "a", 10) == []
