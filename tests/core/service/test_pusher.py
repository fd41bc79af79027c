import asyncio
from contextlib import asynccontextmanager
from email.utils import format_datetime

import pytest
from aiohttp import web
from sqlalchemy import select

from core.dialects.mailguard.webhooks import EVENT_NAMES
from core.outward.forms import hex_signature
from core.sandbox.mailguard import rendered
from core.sandbox.service import chain_of
from core.service.pusher import Pusher, retry_after_s
from core.store import outbox
from core.store.clock import wall_clock
from core.store.tables import audit_entries
from tests.factories.core import NOW, NOW_MS, SECRET, FakeClock, quick_policy, receiver


@asynccontextmanager
async def pushing(database, url, clock=wall_clock, **policy):
    async with database.begin() as tx:
        await outbox.configure(tx, "a", url=url, secret=SECRET, names=EVENT_NAMES)
        chain = await chain_of(tx, "node-1", clock)
    pusher = Pusher(database, rendered, clock=clock, chain=chain, policy=quick_policy(**policy))
    task = asyncio.create_task(pusher.run())
    try:
        yield pusher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def emit(database, count=1, at_ms=None):
    moment = wall_clock() if at_ms is None else at_ms
    async with database.begin() as tx:
        return [await outbox.emit(tx, "quarantine.added", "node-1", moment, {"n": n}) for n in range(count)]


async def waiting(database):
    async with database.read() as tx:
        return await outbox.waiting(tx, "a", 100)


async def recorded(database):
    async with database.read() as tx:
        return (await tx.execute(select(audit_entries))).all()


async def until(condition, seconds=30.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def test_the_signature_is_the_documented_hmac():
    # From RFC 4231, test case 2.
    assert hex_signature("Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


async def test_events_arrive_signed_in_order_with_the_documented_members(database):
    async with receiver() as hook, pushing(database, hook.url) as pusher:
        ids = await emit(database, 5)
        pusher.wake()
        await until(lambda: len(hook.taken) == 5)

    assert [event["id"] for event in hook.taken] == ids
    assert set(hook.taken[0]) == {"id", "event", "timestamp", "node_id", "data"}
    assert hook.forged == 0


async def test_a_refused_event_is_sent_again_with_the_same_bytes_before_the_next(database):
    async with receiver() as hook, pushing(database, hook.url):
        hook.answers = [web.Response(status=503), web.Response(status=500), web.Response(status=401)]
        ids = await emit(database, 2)
        await until(lambda: len(hook.taken) == 2)

    assert [event["id"] for event in hook.taken] == ids
    assert len(hook.bodies) == 5
    assert len(set(hook.bodies[:4])) == 1


async def test_retry_after_is_waited_for(database):
    async with receiver() as hook, pushing(database, hook.url):
        hook.answers = [web.Response(status=503, headers={"Retry-After": "1"})]
        await emit(database)
        began = asyncio.get_running_loop().time()
        await until(lambda: len(hook.taken) == 1)

        assert asyncio.get_running_loop().time() - began >= 0.9


async def test_events_of_an_outage_arrive_when_the_receiver_is_back(database):
    async with receiver() as hook:
        url = hook.url
    async with pushing(database, url):
        ids = await emit(database, 3)
        await asyncio.sleep(0.15)
        async with receiver(port=int(url.split(":")[2].split("/")[0])) as hook:
            await until(lambda: len(hook.taken) == 3)

    assert [event["id"] for event in hook.taken] == ids


async def test_the_outbox_survives_a_restart(database):
    async with receiver() as hook:
        async with pushing(database, hook.url):
            hook.answers = [web.Response(status=503) for _ in range(1000)]
            ids = await emit(database, 3)
            await until(lambda: len(hook.bodies) >= 1)
        await database.close()
        await database.open()
        hook.answers = []
        async with pushing(database, hook.url):
            await until(lambda: len(hook.taken) == 3)

    assert [event["id"] for event in hook.taken] == ids


async def test_a_body_that_is_never_taken_is_given_up_and_on_record(database):
    async with receiver() as hook, pushing(database, hook.url, max_refusals=3):
        hook.answers = [web.Response(status=400) for _ in range(3)]
        bad, good = await emit(database, 2)
        await until(lambda: len(hook.taken) == 1)
    (found,) = await recorded(database)

    assert hook.taken[0]["id"] == good
    assert (found.action, found.result) == ("webhook.given_up", "failure")
    assert found.details["event_id"] == bad


async def test_an_event_that_is_too_old_is_given_up(database):
    async with receiver() as hook, pushing(database, hook.url, max_age_ms=1000):
        hook.answers = [web.Response(status=503)]
        await emit(database, at_ms=wall_clock() - 5000)
        (fresh,) = await emit(database)
        await until(lambda: len(hook.taken) == 1)

    assert hook.taken[0]["id"] == fresh


@pytest.mark.parametrize("steps", range(5))
async def test_it_stops_when_it_is_cancelled_just_after_it_was_woken(database, steps):
    async with database.begin() as tx:
        chain = await chain_of(tx, "node-1", wall_clock)
    pusher = Pusher(database, rendered, clock=wall_clock, chain=chain, policy=quick_policy(idle_s=60.0))
    async with database.begin() as tx:
        await outbox.configure(tx, "a", url="http://127.0.0.1:1/", secret=SECRET, names=EVENT_NAMES)
    task = asyncio.create_task(pusher.run())
    await asyncio.sleep(0.2)
    pusher.wake()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()

    assert task in (await asyncio.wait([task], timeout=20))[0]


async def test_redirects_are_not_followed(database):
    async with receiver() as hook, receiver() as other, pushing(database, hook.url):
        hook.answers = [web.Response(status=307, headers={"Location": other.url})]
        await emit(database)
        await until(lambda: len(hook.taken) == 1)

    assert other.bodies == []


async def test_an_endpoint_inside_our_own_network_is_not_reached_unless_allowed(database):
    async with receiver() as hook, pushing(database, hook.url, allow_networks=()):
        ids = await emit(database)
        await until_tried(database)

    assert ([delivery.event.id for delivery in await waiting(database)], hook.bodies) == (ids, [])


async def until_tried(database):
    async with asyncio.timeout(30):
        while not (await waiting(database))[0].endpoint.attempts:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://[", "nonsense", "ftp://127.0.0.1/"])
async def test_an_address_that_cannot_work_keeps_the_events(database, url):
    async with pushing(database, url):
        ids = await emit(database)
        await until_tried(database)

    left = await waiting(database)
    assert [delivery.event.id for delivery in left] == ids
    assert left[0].endpoint.attempts >= 1


async def test_a_full_outbox_drops_the_oldest_and_says_so(database):
    clock = FakeClock()
    async with database.begin() as tx:
        await outbox.configure(tx, "a", url="http://127.0.0.1:1/", secret=SECRET, names=EVENT_NAMES)
    await emit(database, 20, at_ms=NOW_MS)
    async with pushing(database, "http://127.0.0.1:1/", clock=clock, max_waiting=5), asyncio.timeout(60):
        while len(await waiting(database)) > 5 or not await recorded(database):
            await asyncio.sleep(0.01)

    assert len(await waiting(database)) == 5
    assert [entry.action for entry in await recorded(database)] == ["webhook.given_up"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("-7", None),
        ("1e9", None),
        ("9" * 40, None),
        ("soon", None),
        (format_datetime(NOW, usegmt=True), 0.0),
        ("Fri, 01 May 2026 07:22:43 GMT", 30.0),
        ("Fri, 01 May 2020 07:22:43 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, expected):
    assert retry_after_s(value, NOW_MS) == expected
