import asyncio
import os
import stat
from dataclasses import replace
from random import Random

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis
from sqlalchemy import select

from core.audit.chain import WrongKey
from core.dialects.mailguard.webhooks import EVENT_NAMES
from core.sandbox.cluster import Cluster
from core.sandbox.estate import Pace
from core.sandbox.mailguard import MailGuardSandbox
from core.sandbox.service import OLD_KEY
from core.store import domains, meta, quarantine, webhooks
from core.store.database import Database, sqlite_url
from core.store.tables import audit_entries
from tests.factories.core import (
    NOW_MS,
    SECRET,
    FakeClock,
    chain_at,
    note,
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
    partner_stays_s=2.0,
    partner_away_s=2.0,
    partner_later_stays_s=2.0,
    dkim_due_s=(0.3,),
    certificate_due_s=(0.4,),
    licence_due_s=0.5,
    heartbeat_timeout_s=0.3,
)


async def until(condition):
    async with asyncio.timeout(50):
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
            mails_per_s=20,
            pace=LIVELY,
            policy=quick_policy(),
        )
        async with sandbox:
            await until(lambda: hook.names == set(EVENT_NAMES))

    assert hook.forged == 0
    assert len({event["id"] for event in hook.taken}) == len(hook.taken)


async def test_the_first_message_of_a_start_is_held_and_announced(tmp_path, buckets):
    async with receiver() as hook:
        sandbox = MailGuardSandbox(tmp_path, buckets, webhook_url=hook.url, webhook_secret=SECRET)
        async with sandbox:
            await until(lambda: "quarantine.added" in hook.names)

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


async def test_a_key_that_lay_in_the_database_moves_and_the_log_still_verifies(tmp_path, buckets):
    old = "ab" * 32
    async with Database(sqlite_url(tmp_path / "mailguard.sqlite3")) as database, database.begin() as tx:
        await meta.put(tx, OLD_KEY, old)
        for number in range(3):
            await note(tx, NOW_MS + number, chain=chain_at(NOW_MS, key=bytes.fromhex(old)))
    for _ in range(2):
        async with quiet_sandbox(tmp_path, buckets) as sandbox, sandbox.database.read() as tx:
            kept = await meta.get(tx, OLD_KEY)
            by_seq = select(audit_entries).order_by(audit_entries.c.seq)
            rows = (await tx.execute(by_seq)).mappings().all()
            whole = [sandbox.core.chain.holds(row) for row in rows]

    assert kept is None
    assert (tmp_path / "audit.key").read_text().strip() == old
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600
    assert whole == [True] * 4
    assert [row["prev_hash"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    assert rows[3]["action"] == "audit.key_moved"


async def test_a_log_without_its_key_is_not_gone_on_with(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets):
        pass
    (tmp_path / "audit.key").unlink()

    with pytest.raises(WrongKey, match="begun with another key"):
        await quiet_sandbox(tmp_path, buckets).start()


async def test_the_webhook_of_an_earlier_sandbox_gets_what_waited_for_it(tmp_path, buckets):
    url = "http://127.0.0.1:1/"
    async with quiet_sandbox(tmp_path, buckets, webhook_url=url, webhook_secret=SECRET) as first:
        await first.deliver("phishing", count=3)
        async with first.database.begin() as tx:
            waiting = await unsent(tx)
            (own,) = await webhooks.many(tx, "default")
    async with Database(sqlite_url(tmp_path / "mailguard.sqlite3")) as database, database.begin() as tx:
        await webhooks.change(tx, own.id, secret="", enabled=False, disabled_reason="of before", position=0)
    await buckets.flushall()
    async with (
        receiver() as hook,
        quiet_sandbox(tmp_path, buckets, webhook_url=hook.url, webhook_secret=SECRET),
    ):
        await until(lambda: len(hook.taken) >= len(waiting))

    assert [event["id"] for event in hook.taken][: len(waiting)] == waiting
    assert hook.forged == 0
