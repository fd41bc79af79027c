import pytest
from sqlalchemy.exc import IntegrityError

from core.store import estate, quarantine
from tests.factories.core import NOW_MS, held


@pytest.fixture
async def tx(tx):
    await quarantine.add(tx, held(1, score=8.5, sender="a@deal.top"), b"one")
    await quarantine.add(tx, held(2, score=12.0, domain="nordwind.example", reason="phishing"), b"two")
    await quarantine.add(tx, held(3, score=20.0, sender="b@xdeal.top"), b"three")
    return tx


async def listed(tx, limit=100, offset=0, **narrow):
    found = await quarantine.page(tx, quarantine.Filter(**narrow), limit=limit, offset=offset)
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
async def test_a_listing_is_newest_first_and_narrowed(tx, narrow, expected):
    assert await listed(tx, **narrow) == expected


async def test_limit_and_offset_page(tx):
    assert [await listed(tx, limit=2), await listed(tx, limit=2, offset=2)] == [[3, 2], [1]]


async def test_messages_of_a_node_that_is_away_are_not_listed(tx):
    await estate.set_present(tx, "node-1", present=False)

    assert await listed(tx) == []


async def test_a_queue_id_is_unique_while_held_and_free_afterwards(tx):
    again = held(1, id="qua_again", arrived_ms=NOW_MS + 9000)
    with pytest.raises(IntegrityError):
        async with tx.begin_nested():
            await quarantine.add(tx, again, b"again")
    await quarantine.step(tx, held(1), "discarded", NOW_MS)
    await quarantine.add(tx, again, b"again")

    assert await quarantine.find(tx, "node-1", again.queue_id) == again
    assert await quarantine.body(tx, again) == b"again"


async def test_a_message_ends_once_and_its_bytes_with_it(tx):
    ends = [await quarantine.step(tx, held(1), how, NOW_MS) for how in ("released", "discarded")]

    assert ends == [True, False]
    assert await quarantine.body(tx, held(1)) is None
    assert await listed(tx) == [3, 2]


async def test_what_ended_is_forgotten_after_its_time(tx):
    await quarantine.step(tx, held(1), "released", NOW_MS)
    await quarantine.step(tx, held(2), "discarded", NOW_MS + 1)

    assert await quarantine.purge(tx, NOW_MS + 1) == 1
    assert await listed(tx) == [3]
