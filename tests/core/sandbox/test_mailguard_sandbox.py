import asyncio
import os
import stat
from dataclasses import replace
from random import Random

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis

from core.dialects.mailguard.webhooks import EVENT_NAMES
from core.sandbox.cluster import Cluster
from core.sandbox.estate import Pace
from core.sandbox.mailguard import MailGuardSandbox
from core.store import domains, quarantine
from tests.factories.core import (
    SECRET,
    FakeClock,
    quick_policy,
    quiet_sandbox,
    receiver,
    still_pace,
    unsent,
)

LIVELY = Pace(
    tick_s=0.05,
    operator_every_s=0.1,
    partner_joins_s=0.2,
    partner_stays_s=0.3,
    partner_away_s=30.0,
    dkim_due_s=(0.3,),
    certificate_due_s=(0.4,),
    licence_due_s=0.5,
    heartbeat_timeout_s=0.3,
)


async def until(condition, seconds=60.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def get(sandbox, path, key=None):
    headers = {"X-API-Key": key or sandbox.api_key}
    async with ClientSession(headers=headers) as session, session.get(sandbox.api_url + path) as response:
        return response.status, await response.json()


async def verdicts(sandbox):
    async with sandbox.database.read() as tx:
        return await domains.verdicts(tx)


async def held(sandbox):
    async with sandbox.database.read() as tx:
        return await quarantine.page(tx, quarantine.Filter(), limit=1000, offset=0)


@pytest.mark.slow
async def test_all_nine_events_arise_and_arrive_signed(tmp_path, buckets):
    async with receiver() as hook:
        sandbox = MailGuardSandbox(
            tmp_path,
            buckets,
            webhook_url=hook.url,
            webhook_secret=SECRET,
            mails_per_s=60,
            pace=LIVELY,
            policy=quick_policy(),
        )
        async with sandbox:
            await until(lambda: hook.names == set(EVENT_NAMES))

    assert hook.forged == 0
    assert len({event["id"] for event in hook.taken}) == len(hook.taken)


async def test_the_first_held_message_is_announced_within_two_seconds(tmp_path, buckets):
    async with receiver() as hook:
        sandbox = MailGuardSandbox(tmp_path, buckets, webhook_url=hook.url, webhook_secret=SECRET)
        async with sandbox:
            await until(lambda: "quarantine.added" in hook.names, seconds=2.0)

    assert hook.forged == 0


async def test_a_webhook_and_the_quarantine_api_show_the_same_item(tmp_path, buckets):
    async with (
        receiver() as hook,
        quiet_sandbox(tmp_path, buckets, webhook_url=hook.url, webhook_secret=SECRET) as sandbox,
    ):
        await sandbox.deliver("phishing")
        await until(lambda: "quarantine.added" in hook.names)
        _, body = await get(sandbox, "/mail/quarantine")
    (event,) = (event for event in hook.taken if event["event"] == "quarantine.added")

    assert event["data"].pop("actor")["type"] == "system"
    assert body["data"] == [event["data"]]


async def test_everything_survives_a_restart(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets) as first:
        await first.deliver("phishing", count=3)
        keys = (first.api_key, first.admin_key)
        _, before = await get(first, "/mail/quarantine")
        counted = await verdicts(first)
    async with quiet_sandbox(tmp_path, buckets) as second:
        _, after = await get(second, "/mail/quarantine")

        assert (second.api_key, second.admin_key) == keys
        assert after["data"] == before["data"] != []
        assert await verdicts(second) == counted


async def test_events_that_were_not_taken_are_sent_after_a_restart(tmp_path, buckets):
    async with quiet_sandbox(
        tmp_path, buckets, webhook_url="http://127.0.0.1:1/", webhook_secret=SECRET
    ) as first:
        await first.deliver("phishing", count=3)
        async with first.database.read() as tx:
            waiting = await unsent(tx)
    async with (
        receiver() as hook,
        quiet_sandbox(tmp_path, buckets, webhook_url=hook.url, webhook_secret=SECRET),
    ):
        await until(lambda: len(hook.taken) >= len(waiting))

    assert [event["id"] for event in hook.taken][: len(waiting)] == waiting
    assert len(waiting) >= 3


async def test_a_second_start_makes_other_mail(tmp_path, buckets):
    subjects = []
    for _ in range(2):
        async with quiet_sandbox(tmp_path, buckets) as sandbox:
            await sandbox.deliver("phishing")
            _, body = await get(sandbox, "/mail/quarantine?limit=1")
            subjects.append(body["data"][0]["message_id"])

    assert subjects[0] != subjects[1]


async def test_the_files_are_private_and_the_polling_key_can_only_read(tmp_path, buckets):
    async with quiet_sandbox(tmp_path / "data", buckets) as sandbox:
        listed, _ = await get(sandbox, "/auth/api-keys")
        async with ClientSession(headers={"X-API-Key": sandbox.api_key}) as session:
            url = f"{sandbox.api_url}/mail/quarantine/node-1/00000001/release"
            async with session.post(url) as response:
                acted = response.status

    assert (listed, acted) == (200, 403)
    for root, _, files in os.walk(tmp_path / "data"):
        assert stat.S_IMODE(os.stat(root).st_mode) == 0o700
        assert {stat.S_IMODE(os.stat(f"{root}/{name}").st_mode) for name in files} <= {0o600}


async def test_a_taken_port_is_an_os_error_and_leaves_nothing_open(tmp_path, buckets):
    async with quiet_sandbox(tmp_path / "a", buckets) as first:
        second = quiet_sandbox(tmp_path / "b", buckets, listen=first.url.removeprefix("http://"))
        with pytest.raises(OSError, match="address already in use"):
            await second.start()

    async with second:
        assert (await get(second, "/domains"))[0] == 200


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:x", "127.0.0.1:70000", ":8080"])
def test_an_address_that_makes_no_sense_is_named(tmp_path, listen):
    with pytest.raises(ValueError, match="listen"):
        MailGuardSandbox(tmp_path, Redis(), listen=listen)


@pytest.mark.slow
async def test_without_mail_it_rests(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets) as sandbox:
        await asyncio.sleep(0.1)

        assert await verdicts(sandbox) == {}


@pytest.mark.slow
async def test_a_crowded_quarantine_is_cleared_by_the_operator(tmp_path, buckets):
    pace = still_pace(tick_s=0.02, operator_every_s=0.02)
    async with quiet_sandbox(tmp_path, buckets, pace=pace) as sandbox:
        for _ in range(4):
            await sandbox.deliver("phishing", count=90)
        async with asyncio.timeout(30):
            while len(await held(sandbox)) > 300:
                await asyncio.sleep(0.05)

        assert 0 < len(await held(sandbox)) <= 300


@pytest.mark.slow
async def test_entries_of_a_partner_that_was_away_arrive_late(tmp_path, buckets):
    clock = FakeClock()
    pace = still_pace(partner_joins_s=1.0, partner_stays_s=10.0, partner_away_s=60.0)
    async with quiet_sandbox(
        tmp_path, buckets, nodes=("node-1", "node-2"), pace=pace, clock=clock
    ) as sandbox:
        seen, heard = set(), []
        for _ in range(90):
            clock.advance(1)
            await sandbox.tick()
            _, body = await get(sandbox, "/audit/logs?limit=1000")
            new = {entry["id"]: entry["timestamp"] for entry in body["data"] if entry["id"] not in seen}
            heard.append(new)
            seen |= set(new)
        back = heard[70:]
    late = [stamp for new in back for entry, stamp in new.items() if entry.startswith("node-2:")]

    assert len(late) > 5
    assert not any(entry.startswith("node-2:") for new in heard[20:70] for entry in new)
    assert late == sorted(late)


def test_a_partner_comes_goes_and_comes_back():
    pace = replace(Pace(), partner_joins_s=10, partner_stays_s=20, partner_away_s=5, partner_later_stays_s=50)
    cluster = Cluster(("node-1", "node-2"), pace, Random(1))
    heard = [second for second in range(120) if cluster.heard(second)]

    assert heard == [*range(10, 30), *range(35, 85), *range(90, 120)]
