import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.service.event_names import EVENT_NAMES
from core.store import outbox
from core.store.tables import outbox_events
from tests.factories.core import NOW_MS


@pytest.fixture
async def tx(tx):
    await outbox.configure(tx, "a", url="http://127.0.0.1/", secret="s", names=EVENT_NAMES)
    return tx


async def emit(tx, count=1, name="quarantine.added"):
    return [await outbox.emit(tx, name, "node-1", NOW_MS, {"n": number}) for number in range(count)]


async def kept(tx):
    return (await tx.execute(select(func.count()).select_from(outbox_events))).scalar_one()


async def waiting(tx, endpoint="a", limit=100):
    return [delivery.event.id for delivery in await outbox.waiting(tx, endpoint, limit)]


async def test_events_wait_in_the_order_in_which_they_happened(tx):
    ids = await emit(tx, 3)

    assert await waiting(tx) == ids
    assert all(event_id.startswith("evt_") for event_id in ids)


async def test_a_delivered_event_waits_no_more(tx):
    ids = await emit(tx, 2)
    await outbox.delivered(tx, "a", (await outbox.waiting(tx, "a", 1))[0].event.seq)

    assert await waiting(tx) == ids[1:]


async def test_a_failed_event_stays_at_the_head_with_its_due_time(tx):
    ids = await emit(tx, 2)
    await outbox.failed(tx, "a", NOW_MS + 500)
    (head,) = await outbox.waiting(tx, "a", 1)

    assert (head.event.id, head.endpoint.attempts, head.endpoint.due_ms) == (ids[0], 1, NOW_MS + 500)


async def test_an_endpoint_gets_only_the_events_it_asked_for(tx):
    await outbox.configure(tx, "b", url="http://127.0.0.1/", secret="s", names=["cert.expiring"])
    await emit(tx)
    (wanted,) = await emit(tx, name="cert.expiring")

    assert await waiting(tx, "b") == [wanted]


async def test_a_new_endpoint_begins_now_and_a_changed_one_keeps_its_place(tx):
    ids = await emit(tx, 2)
    await outbox.configure(tx, "b", url="http://127.0.0.1/", secret="s", names=EVENT_NAMES)
    await outbox.configure(tx, "a", url="http://127.0.0.1:1/", secret="t", names=EVENT_NAMES)

    assert await waiting(tx, "b") == []
    assert await waiting(tx, "a") == ids


async def test_trim_keeps_what_somebody_still_waits_for(tx):
    ids = await emit(tx, 3)
    await outbox.delivered(tx, "a", 1)

    assert await outbox.trim(tx, keep=100) == 0
    assert await waiting(tx) == ids[1:]
    assert await kept(tx) == 2


async def test_trim_bounds_what_waits_and_counts_what_it_gave_up(tx):
    ids = await emit(tx, 10)

    assert await outbox.trim(tx, keep=4) == 6
    assert await waiting(tx) == ids[6:]
    assert (await outbox.endpoints(tx))[0].given_up == 6


async def test_without_an_endpoint_nothing_piles_up(tx):
    await outbox.remove(tx, "a")
    await emit(tx, 3)
    await outbox.trim(tx, keep=100)

    assert await kept(tx) == 0


async def test_numbers_are_not_used_again_after_a_trim(tx):
    await emit(tx, 2)
    await outbox.delivered(tx, "a", 2)
    await outbox.trim(tx, keep=100)
    (new,) = await emit(tx)

    assert await waiting(tx) == [new]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["emit", "other", "deliver", "fail", "trim"]), max_size=40))
async def test_every_wanted_event_is_delivered_waiting_or_given_up(tx, steps):
    undo = await tx.begin_nested()
    await outbox.configure(tx, "a", url="http://127.0.0.1/", secret="s", names=["cert.expiring"])
    wanted = 0
    for step in steps:
        if step == "emit":
            wanted += len(await emit(tx, name="cert.expiring"))
        elif step == "other":
            await emit(tx)
        elif step == "deliver" and (head := await outbox.waiting(tx, "a", 1)):
            await outbox.delivered(tx, "a", head[0].event.seq)
        elif step == "fail":
            await outbox.failed(tx, "a", NOW_MS)
        elif step == "trim":
            await outbox.trim(tx, keep=5)
    (endpoint,) = await outbox.endpoints(tx)
    left = len(await outbox.waiting(tx, "a", 100))
    await undo.rollback()

    assert endpoint.delivered + endpoint.given_up + left == wanted
