"""Webhooks through the delivery engine, over real HTTP."""

import asyncio
import hmac
from hashlib import sha256

import pytest
from sqlalchemy import delete, select, update

from core.service import webhooks
from core.service.by import By
from core.store.tables import audit_entries, outbox_events
from core.store.tables import webhooks as table
from hub.access.principal import Principal
from tests.factories.core_api import OPERATOR_BY
from tests.factories.outward import add, happen, hook, log_of, running, shown, until

OTHER_BY = By(principal=Principal.system("someone", "other"))


async def started(core, receiver, **more):
    made = await add(core, receiver.url, **more)
    receiver.secrets = [made.secret]
    return made


async def test_an_event_arrives_proven_by_the_standards_own_library(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        async with running(core):
            ids = await happen(core, 3)
            await until(lambda: len(receiver.taken) == 3)

    headers, raw = receiver.seen[0]
    assert sorted(event["id"] for event in receiver.taken) == sorted(receiver.ids) == sorted(ids)
    assert receiver.forged == 0
    assert receiver.taken[0]["type"] == receiver.taken[0]["event"] == "domain.created"
    assert {"timestamp", "tenant", "data"} <= set(receiver.taken[0])
    assert headers["x-signature"] == "sha256=" + hmac.new(made.secret.encode(), raw, sha256).hexdigest()


async def test_an_endpoint_gets_the_events_it_asked_for_of_its_tenant_since_it_was_made(core):
    async with hook() as receiver, running(core):
        await happen(core)
        await started(core, receiver, events=("domain.created",))
        await happen(core, name="domain.deleted")
        await happen(core, by=OTHER_BY)
        (wanted,) = await happen(core)
        await until(lambda: len(receiver.taken) >= 1)
        (last,) = await happen(core)
        await until(lambda: len(receiver.taken) >= 2)

    assert receiver.ids == [wanted, last]


async def test_what_an_outage_held_up_arrives_under_the_same_ids(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        port = int(receiver.url.split(":")[2].partition("/")[0])
    async with running(core):
        ids = await happen(core, 5)
        await until(lambda: failing(core, made))
        async with hook(made.secret, port=port) as receiver:
            await until(lambda: len(set(receiver.ids)) == 5)
        await until(lambda: working(core, made))

    assert set(receiver.ids) == set(ids)


async def failing(core, made):
    return (await shown(core, made)).failing_since_ms is not None


async def working(core, made):
    now = await shown(core, made)
    return now.failing_since_ms is None and now.delivered > 0


async def test_refusals_of_the_server_are_tried_again_with_the_same_body(core):
    async with hook() as receiver:
        await started(core, receiver)
        receiver.answers = [503, 500, 401, 429]
        async with running(core):
            (wanted,) = await happen(core)
            await until(lambda: len(receiver.taken) == 1)

    assert receiver.ids == [wanted] * 5
    assert len({raw for _, raw in receiver.seen}) == 1


@pytest.mark.slow
async def test_a_restart_in_the_middle_loses_nothing_that_was_committed(core):
    async with hook() as receiver:
        await started(core, receiver)
        receiver.always = 503
        async with running(core):
            before = await happen(core, 150)
            await until(lambda: len(receiver.seen) > 0)
        between = await happen(core, 50)
        receiver.always = 204
        async with running(core):
            await until(lambda: len({event["id"] for event in receiver.taken}) == 200)

    assert {event["id"] for event in receiver.taken} == {*before, *between}


async def test_a_request_without_an_answer_is_repeated_under_the_same_id_after_the_process_died(core):
    async with hook() as receiver:
        await started(core, receiver)
        receiver.hold = asyncio.Event()
        async with running(core, timeout_s=60.0) as first:
            (wanted,) = await happen(core)
            await until(lambda: len(receiver.seen) == 1)
            for task in asyncio.all_tasks():  # as if it were killed: nothing is settled any more
                if task.get_name().startswith(("lane", "outward", "router", "ready")):
                    task.cancel()
            assert first.engine is not None
        receiver.hold.set()
        async with running(core):
            await until(lambda: len(receiver.seen) == 2)

    assert receiver.ids == [wanted, wanted]


@pytest.mark.slow
async def test_two_processes_share_the_work_and_lose_nothing(core):
    async with hook() as receiver:
        await started(core, receiver)
        async with running(core), running(core):
            ids = [event for _ in range(10) for event in await happen(core, 20)]
            await until(lambda: len({event["id"] for event in receiver.taken}) == 200)

    assert {event["id"] for event in receiver.taken} == set(ids)


async def test_a_log_that_is_lost_is_made_again_from_the_database(core, buckets):
    async with hook() as receiver:
        await started(core, receiver)
        receiver.always = 503
        async with running(core):
            ids = await happen(core, 30)
            await until(lambda: len(receiver.seen) > 0)
        await buckets.flushall()
        receiver.always = 204
        async with running(core):
            ids += await happen(core, 5)
            await until(lambda: len({event["id"] for event in receiver.taken}) == 35)

    assert {event["id"] for event in receiver.taken} == set(ids)


async def test_a_log_that_is_lost_while_it_is_in_use_is_made_again(core, buckets):
    async with hook() as receiver:
        await started(core, receiver)
        async with running(core):
            first = await happen(core, 10)
            await until(lambda: len({event["id"] for event in receiver.taken}) == 10)
            await buckets.flushall()
            second = await happen(core, 10)
            await until(lambda: len({event["id"] for event in receiver.taken}) == 20)

    assert {event["id"] for event in receiver.taken} == {*first, *second}


async def test_a_database_that_is_older_than_the_log_begins_anew(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        async with running(core):
            await happen(core, 5)
            await until(lambda: len({event["id"] for event in receiver.taken}) == 5)
        async with core.database.begin() as tx:  # as a back-up from before these five would have it
            await tx.execute(delete(outbox_events))
            await tx.exec_driver_sql("UPDATE counters SET value = 0 WHERE name = 'outbox'")
            await tx.execute(update(table).values(position=0))
        async with running(core):
            ids = await happen(core, 3)
            await until(lambda: {event["id"] for event in receiver.taken} >= set(ids))

    assert (await shown(core, made)).enabled


async def test_gone_disables_at_once_and_is_on_record(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        receiver.always = 410
        async with running(core):
            await happen(core)
            await until(lambda: disabled(core, made))
            await happen(core)
            await until(lambda: told(core, "webhook.disabled"))
        now = await shown(core, made)

    assert len(receiver.seen) == 1
    assert now.disabled_reason.startswith("410")


async def disabled(core, made):
    return not (await shown(core, made)).enabled


async def told(core, name):
    async with core.database.read() as tx:
        event = await tx.execute(select(outbox_events.c.id).where(outbox_events.c.name == name))
        entry = await tx.execute(select(audit_entries.c.id).where(audit_entries.c.action == name))
        return event.first() is not None and entry.first() is not None


async def test_long_failure_disables_and_is_told(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        receiver.always = 503
        async with running(core, give_up_ms=300):
            await happen(core)
            await until(lambda: disabled(core, made))
        now = await shown(core, made)

    assert len(receiver.seen) > 1
    assert "failed for too long" in now.disabled_reason
    assert await told(core, "webhook.disabled")


async def test_an_endpoint_that_is_enabled_again_gets_what_happens_from_then_on(core):
    async with hook() as receiver:
        made = await started(core, receiver, enabled=False)
        async with running(core):
            await happen(core, 3)
            async with core.database.begin() as tx:
                change = webhooks.Changes(enabled=True)
                await webhooks.change(core, tx, OPERATOR_BY, made.webhook.id, change)
            (wanted,) = await happen(core)
            await until(lambda: len(receiver.taken) > 0)

    assert receiver.ids == [wanted]


async def test_a_body_that_is_never_taken_is_given_up_and_holds_up_nobody(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        receiver.answers = [413]
        async with running(core, parallel=1):
            bad, good = await happen(core, 2)
            await until(lambda: len(receiver.taken) == 1)
            await until(lambda: counted(core, made))
        log = await log_of(core, made)

    assert receiver.taken[0]["id"] == good
    assert (log[bad].state, log[bad].status, log[good].state) == ("given_up", 413, "delivered")


async def counted(core, made):
    now = await shown(core, made)
    return (now.delivered, now.given_up) == (1, 1)


async def test_a_redirect_is_not_followed(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        receiver.always = 302
        async with running(core):
            await happen(core)
            await until(lambda: failing(core, made))

    assert "redirects are not followed" in (await shown(core, made)).last_error


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_an_address_that_is_not_public_is_never_connected_to(core, name):
    async with hook() as receiver:
        made = await started(core, receiver)
        async with core.database.begin() as tx:
            url = receiver.url.replace("127.0.0.1", name)
            await tx.execute(update(table).values(url=url))
        async with running(core, allow_networks=()):
            await happen(core)
            await until(lambda: failing(core, made))

    assert receiver.seen == []
    assert "loopback" in (await shown(core, made)).last_error


async def test_a_rotated_secret_overlaps_with_the_one_before(core):
    async with hook() as receiver:
        made = await started(core, receiver)
        old = made.secret
        async with running(core):
            async with core.database.begin() as tx:
                made = await webhooks.rotate(core, tx, OPERATOR_BY, made.webhook.id, overlap_s=10**9)
            await happen(core)  # its receiver has only the old one
            await until(lambda: len(receiver.taken) == 1)
            receiver.secrets = [made.secret]
            await happen(core)
            await until(lambda: len(receiver.taken) == 2)
            async with core.database.begin() as tx:
                made = await webhooks.rotate(core, tx, OPERATOR_BY, made.webhook.id, overlap_s=0)
            await until(lambda: only_new_signs(core, receiver, made))

    assert old != made.secret
    assert [len(headers["webhook-signature"].split(" ")) for headers, _ in receiver.seen[:2]] == [2, 2]
    assert {"x-signature", "x-signature-previous"} <= set(receiver.seen[0][0])


async def only_new_signs(core, receiver, made):
    receiver.secrets = [made.secret]
    await happen(core)
    await until(lambda: len(receiver.seen) >= 3)
    return len(receiver.seen[-1][0]["webhook-signature"].split(" ")) == 1


async def test_places_are_kept_and_old_events_go_when_everybody_passed_them(core, monkeypatch):
    monkeypatch.setattr("core.outward.hooks._PRUNE_MS", 0)
    async with hook() as receiver:
        made = await started(core, receiver)
        async with running(core, keep_ms=0):
            ids = await happen(core, 5)
            await until(lambda: len({event["id"] for event in receiver.taken}) == 5)
            await until(lambda: kept(core, [ids[-1]]))
    assert (await shown(core, made)).position == 5


async def test_old_events_stay_until_a_slow_endpoint_passed_them(core, monkeypatch):
    monkeypatch.setattr("core.outward.hooks._PRUNE_MS", 0)
    async with hook() as receiver:
        await started(core, receiver)
        receiver.always = 503
        async with running(core, keep_ms=0):
            ids = await happen(core, 5)
            await until(lambda: len(receiver.seen) > 3)
            there = await kept(core, ids)

    assert there


async def kept(core, ids):
    async with core.database.read() as tx:
        found = await tx.execute(select(outbox_events.c.id).order_by(outbox_events.c.seq))
        return list(found.scalars()) == list(ids)
