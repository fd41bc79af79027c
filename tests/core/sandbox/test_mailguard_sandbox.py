import asyncio
import os
import stat
from dataclasses import replace
from random import Random

import pytest
from aiohttp import ClientSession
from sqlalchemy import delete, func, select

from core.audit.chain import WrongKey
from core.dialects.mailguard.webhooks import EVENT_NAMES
from core.engine.verdict import Thresholds
from core.sandbox.cluster import Cluster
from core.sandbox.estate import INSTALLED
from core.sandbox.hook import Hook
from core.sandbox.mailgen import DOMAINS
from core.sandbox.pace import Pace
from core.sandbox.service import DATABASE, OLD_KEY
from core.store import domains, estate, meta, quarantine, tables, webhooks
from core.store.database import Database, sqlite_url
from core.store.tables import audit_entries, certificates, dkim_keys
from tests.factories import core
from tests.factories.core import (
    NOW_MS,
    SECRET,
    FakeClock,
    chain_at,
    note,
    quiet_sandbox,
    receiver,
    still_pace,
    unsent,
)

LIVELY = Pace(
    tick_s=0.05,
    people_s=0.1,
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


async def get(sandbox, path):
    headers, url = {"X-API-Key": sandbox.keys["api-key"]}, f"{sandbox.url}/api/v1{path}"
    async with ClientSession(headers=headers) as session, session.get(url) as response:
        return response.status, await response.json()


async def verdicts(sandbox):
    async with sandbox.core.database.read() as tx:
        return await domains.verdicts(tx)


async def held(sandbox):
    async with sandbox.core.database.read() as tx:
        return await quarantine.page(tx, quarantine.Filter(), limit=1000, offset=0)


async def stored(sandbox):
    """Messages and verdicts."""
    async with sandbox.core.database.read() as tx:
        return [
            (await tx.execute(select(func.count()).select_from(each))).scalar_one()
            for each in (tables.messages, tables.verdicts)
        ]


@pytest.mark.slow
async def test_all_nine_events_arise_and_arrive_signed(tmp_path, buckets):
    lively = {"mails_per_s": 20, "pace": LIVELY, "partners": ["node-2"]}
    async with receiver() as hook, quiet_sandbox(tmp_path, buckets, hook_url=hook.url, **lively):
        await until(lambda: hook.names == set(EVENT_NAMES))

    assert hook.forged == 0
    assert len({event["id"] for event in hook.taken}) == len(hook.taken)


@pytest.mark.slow
async def test_all_nine_events_arise_over_a_whole_service_too(start):
    async with receiver() as hook:
        lively = {"mails_per_s": 20, "pace": LIVELY, "hook": Hook(url=hook.url, secret=SECRET)}
        async with start("mailguard", **lively):
            await until(lambda: hook.names == set(EVENT_NAMES))

    assert hook.forged == 0


async def test_a_folder_that_an_earlier_release_set_up_keeps_its_world(tmp_path, buckets):
    kept = "n" + "ab" * 20
    async with Database(sqlite_url(tmp_path / DATABASE)) as database, database.begin() as tx:
        await meta.put(tx, INSTALLED, str(NOW_MS))
        await domains.add(tx, "acme.example", backends=[], thresholds=Thresholds(), now_ms=NOW_MS)
        await estate.add_dkim_key(
            tx, estate.DkimKey(domain="acme.example", selector="nmg7", created_ms=NOW_MS)
        )
        await quarantine.add(tx, core.held(1), b"bytes")
    (tmp_path / "api-key").write_text(kept)
    async with quiet_sandbox(tmp_path, buckets) as sandbox:
        _, listed = await get(sandbox, "/domains")
        _, mail = await get(sandbox, "/mail/quarantine")
        async with sandbox.core.database.read() as tx:
            found = (await estate.dkim_keys(tx), await estate.licence(tx))

    assert [each["name"] for each in listed["data"]] == ["acme.example"]
    assert [each["queue_id"] for each in mail["data"]] == ["00000001"]
    assert ([key.selector for key in found[0]], found[1]) == (["nmg7"], None)
    assert sandbox.keys["api-key"] != kept


async def test_a_sandbox_of_before_without_a_cluster_gets_one(start):
    async with start("mailguard") as sandbox, sandbox.core.database.begin() as tx:
        await meta.remove(tx, INSTALLED)
        await tx.execute(delete(dkim_keys))
        await tx.execute(delete(certificates))
    async with start("mailguard") as sandbox, sandbox.core.database.read() as tx:
        keys, renewable = await estate.dkim_keys(tx), await estate.certificates(tx)

    assert {key.domain for key in keys} == set(DOMAINS)
    assert len(renewable) == len(Pace().certificate_due_s)


async def test_mail_that_ended_is_forgotten_after_a_day(tmp_path, buckets):
    clock = FakeClock()
    async with quiet_sandbox(tmp_path, buckets, clock=clock) as sandbox:
        await sandbox.life.deliver("reply", count=2)
        await sandbox.life.deliver("phishing")
        await sandbox.life.forget()
        early = await stored(sandbox)
        clock.advance(2 * 86_400)
        await sandbox.life.deliver("reply")
        await sandbox.life.forget()

        assert await stored(sandbox) < early
        assert len(await held(sandbox)) == 1


async def test_the_first_message_of_a_start_is_held_and_announced(tmp_path, buckets):
    async with receiver() as hook, quiet_sandbox(tmp_path, buckets, hook_url=hook.url, mails_per_s=4):
        await until(lambda: "quarantine.added" in hook.names)

    assert hook.forged == 0


async def test_a_webhook_and_the_quarantine_api_show_the_same_item(tmp_path, buckets):
    async with (
        receiver() as hook,
        quiet_sandbox(tmp_path, buckets, hook_url=hook.url) as sandbox,
    ):
        await sandbox.life.deliver("phishing")
        await until(lambda: "quarantine.added" in hook.names)
        _, body = await get(sandbox, "/mail/quarantine")
    (event,) = (event for event in hook.taken if event["event"] == "quarantine.added")

    assert event["data"].pop("id").startswith("qua_")
    assert event["data"].pop("actor")["type"] == "system"
    assert body["data"] == [event["data"]]


async def test_everything_survives_a_restart(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets) as first:
        await first.life.deliver("phishing", count=3)
        _, before = await get(first, "/mail/quarantine")
        counted = await verdicts(first)
    async with quiet_sandbox(tmp_path, buckets) as second:
        _, after = await get(second, "/mail/quarantine")

        assert second.keys == first.keys
        assert after["data"] == before["data"] != []
        assert await verdicts(second) == counted


async def test_events_that_were_not_taken_are_sent_after_a_restart(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets, hook_url="http://127.0.0.1:1/") as first:
        await first.life.deliver("phishing", count=3)
        async with first.core.database.read() as tx:
            waiting = await unsent(tx)
    async with (
        receiver() as hook,
        quiet_sandbox(tmp_path, buckets, hook_url=hook.url),
    ):
        await until(lambda: len(hook.taken) >= len(waiting))

    assert [event["id"] for event in hook.taken][: len(waiting)] == waiting
    assert len(waiting) >= 3


async def test_a_second_start_makes_other_mail(tmp_path, buckets):
    subjects = []
    for _ in range(2):
        async with quiet_sandbox(tmp_path, buckets) as sandbox:
            await sandbox.life.deliver("phishing")
            _, body = await get(sandbox, "/mail/quarantine?limit=1")
            subjects.append(body["data"][0]["message_id"])

    assert subjects[0] != subjects[1]


async def test_the_files_are_private_and_the_polling_key_can_only_read(tmp_path, buckets):
    async with quiet_sandbox(tmp_path / "data", buckets) as sandbox:
        listed, _ = await get(sandbox, "/auth/api-keys")
        async with ClientSession(headers={"X-API-Key": sandbox.keys["api-key"]}) as session:
            url = f"{sandbox.url}/api/v1/mail/quarantine/node-1/00000001/release"
            async with session.post(url) as response:
                acted = response.status

    assert (listed, acted) == (200, 403)
    for root, _, files in os.walk(tmp_path / "data"):
        assert stat.S_IMODE(os.stat(root).st_mode) == 0o700
        assert {stat.S_IMODE(os.stat(f"{root}/{name}").st_mode) for name in files} <= {0o600}


async def test_a_taken_port_is_an_os_error_and_leaves_nothing_open(tmp_path, buckets):
    async with quiet_sandbox(tmp_path / "a", buckets) as first:
        taken = first.url.removeprefix("http://")
        with pytest.raises(OSError, match="address already in use"):
            async with quiet_sandbox(tmp_path / "b", buckets, listen=taken):
                pass

    async with quiet_sandbox(tmp_path / "b", buckets, listen=taken) as second:
        assert (await get(second, "/domains"))[0] == 200


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:x", "127.0.0.1:70000", ":8080"])
async def test_an_address_that_makes_no_sense_is_named(listen, tmp_path, buckets):
    with pytest.raises(ValueError, match="HOST:PORT"):
        async with quiet_sandbox(tmp_path, buckets, listen=listen):
            pass


@pytest.mark.slow
async def test_without_mail_it_rests(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets) as sandbox:
        await asyncio.sleep(0.1)

        assert await verdicts(sandbox) == {}


@pytest.mark.slow
async def test_a_crowded_quarantine_is_cleared_by_the_operator(tmp_path, buckets):
    pace = still_pace(people_s=0.02)
    async with quiet_sandbox(tmp_path, buckets, pace=pace, mails_per_s=0.001) as sandbox:
        async with sandbox.core.database.begin() as tx:
            for number in range(330):
                await quarantine.add(tx, core.held(number), b"bytes")
        async with asyncio.timeout(50):
            while len(await held(sandbox)) > 300:
                await asyncio.sleep(0.05)

        assert 0 < len(await held(sandbox)) <= 300


@pytest.mark.slow
async def test_entries_of_a_partner_that_was_away_arrive_late(tmp_path, buckets):
    clock = FakeClock()
    pace = still_pace(partner_joins_s=1.0, partner_stays_s=10.0, partner_away_s=60.0)
    async with quiet_sandbox(tmp_path, buckets, partners=["node-2"], pace=pace, clock=clock) as sandbox:
        seen, heard = set(), []
        for _ in range(90):
            clock.advance(1)
            await sandbox.life.tick()
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
    cluster = Cluster("node-1", ["node-2"], pace, Random(1))
    heard = [second for second in range(120) if cluster.heard(second)]

    assert heard == [*range(10, 30), *range(35, 85), *range(90, 120)]


async def test_a_key_that_lay_in_the_database_moves_and_the_log_still_verifies(tmp_path, buckets):
    old = "ab" * 32
    async with Database(sqlite_url(tmp_path / DATABASE)) as database, database.begin() as tx:
        await meta.put(tx, OLD_KEY, old)
        for number in range(3):
            await note(tx, NOW_MS + number, chain=chain_at(NOW_MS, key=bytes.fromhex(old)))
    for _ in range(2):
        async with quiet_sandbox(tmp_path, buckets) as sandbox, sandbox.core.database.read() as tx:
            kept = await meta.get(tx, OLD_KEY)
            by_seq = select(audit_entries).order_by(audit_entries.c.seq)
            rows = (await tx.execute(by_seq)).mappings().all()
            whole = [sandbox.core.chain.holds(row) for row in rows]

    assert kept is None
    assert (tmp_path / "audit.key").read_text().strip() == old
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600
    assert all(whole)
    assert [row["prev_hash"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    assert rows[3]["action"] == "audit.key_moved"


async def test_a_log_without_its_key_is_not_gone_on_with(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets):
        pass
    (tmp_path / "audit.key").unlink()

    with pytest.raises(WrongKey, match="begun with another key"):
        async with quiet_sandbox(tmp_path, buckets):
            pass


async def test_the_webhook_of_an_earlier_sandbox_gets_what_waited_for_it(tmp_path, buckets):
    url = "http://127.0.0.1:1/"
    async with quiet_sandbox(tmp_path, buckets, hook_url=url) as first:
        await first.life.deliver("phishing", count=3)
        async with first.core.database.begin() as tx:
            waiting = await unsent(tx)
            (own,) = await webhooks.many(tx, "default")
    async with Database(sqlite_url(tmp_path / DATABASE)) as database, database.begin() as tx:
        await webhooks.change(tx, own.id, secret="", enabled=False, disabled_reason="of before", position=0)
    await buckets.flushall()
    async with (
        receiver() as hook,
        quiet_sandbox(tmp_path, buckets, hook_url=hook.url),
    ):
        await until(lambda: len(hook.taken) >= len(waiting))

    assert [event["id"] for event in hook.taken][: len(waiting)] == waiting
    assert hook.forged == 0
