"""Every vendor's sandbox: its world, its keys, its events."""

import asyncio
import hmac
import stat
from hashlib import sha256

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select

from core.app.dialects import DIALECTS
from core.audit.verify import verify
from core.sandbox.furnish import AGE_DAYS
from core.sandbox.hook import Hook
from core.sandbox.mailgen import DOMAINS
from core.sandbox.recipes import PEOPLE
from core.sandbox.vendors import VENDORS
from core.store.clock import DAY_MS
from core.store.tables import audit_entries, dmarc_reports, list_items, mailboxes, quarantine_items, verdicts
from hub.access.audit import SYSTEM

LISTING = {
    "mailchannels": "/inbound/v1/domains",
    "mailguard": "/api/v1/domains",
    "mailsentinel": "/api/domains",
    "mxguard": "/api/v1/domains",
    "mxroute-manager": "/api/domains",
}


async def count(sandbox, table):
    async with sandbox.core.database.read() as tx:
        return (await tx.execute(select(func.count()).select_from(table))).scalar_one()


def test_every_dialect_has_a_sandbox():
    assert set(DIALECTS) <= set(VENDORS)


@pytest.mark.parametrize("vendor", sorted(DIALECTS))
async def test_it_answers_with_its_keys_as_the_vendor_would(vendor, start, ask):
    async with start(vendor) as sandbox:
        for key in sandbox.keys:
            status, _, body = await ask(sandbox, LISTING[vendor], key=key)

            assert status == 200
            assert all(domain in body.decode() for domain in DOMAINS)
        assert sandbox.recorder.summary["violations"] == 0


async def test_keys_lie_in_private_files_and_stay_over_a_restart(start, tmp_path):
    async with start("mxguard") as sandbox:
        first = dict(sandbox.keys)
        rules = await count(sandbox, list_items)
    async with start("mxguard") as sandbox:
        assert sandbox.keys == first
        assert await count(sandbox, list_items) == rules == 2 * len(DOMAINS)
    for name, text in first.items():
        path = tmp_path / "sandbox" / name
        assert (path.read_text().strip(), stat.S_IMODE(path.stat().st_mode)) == (text, 0o600)


async def test_a_key_that_was_revoked_is_made_anew(start):
    async with start("mxguard") as sandbox:
        before = sandbox.keys["api-key"]
        keyring = sandbox.core.access.keyring
        (key,) = [one for one in await keyring.every("default") if before.startswith(one.prefix)]
        await keyring.revoke(SYSTEM, "default", key.id)
    async with start("mxguard") as sandbox:
        assert sandbox.keys["api-key"] != before


async def test_mail_goes_through_the_real_seam(start):
    async with start("mxguard") as sandbox:
        good, bad = await sandbox.life.deliver("reply"), await sandbox.life.deliver("phishing", 2)

        assert {one.fate for each in good for one in each.verdicts} == {"relayed"}
        assert {one.fate for each in bad for one in each.verdicts} == {"quarantined"}
        assert await count(sandbox, verdicts) >= 3
        assert await count(sandbox, quarantine_items) >= 2


async def test_it_was_set_up_over_days_and_its_chain_holds(start):
    async with start("mxroute-manager") as sandbox:
        async with sandbox.core.database.read() as tx:
            own = select(audit_entries.c.at_ms).where(audit_entries.c.actor == "admin")
            query = own.order_by(audit_entries.c.seq)
            times = list((await tx.execute(query)).scalars())

        assert await count(sandbox, mailboxes) == len(PEOPLE) * len(DOMAINS)
        assert len({at // DAY_MS for at in times}) >= AGE_DAYS
        assert times == sorted(times)
        assert await verify(sandbox.core.database, sandbox.core.chain, None) == []


@pytest.mark.skipif("mailsentinel" not in DIALECTS, reason="has no dialect yet")
async def test_receivers_have_reported(start):
    async with start("mailsentinel") as sandbox:
        assert await count(sandbox, dmarc_reports) == 3 * len(DOMAINS)


async def test_what_happens_is_pushed_signed_as_the_vendor_signs(start):
    secret, came = "a-secret-of-this-test", asyncio.Queue()

    async def take(request):
        await came.put((request.headers["X-MailGuard-Signature"], await request.read()))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/in", take)
    async with TestServer(app) as server:
        hook = Hook(url=str(server.make_url("/in")), secret=secret)
        async with start("mailguard", hook=hook) as sandbox:
            await sandbox.life.deliver("phishing")
            async with asyncio.timeout(60):
                signature, body = await came.get()

    assert signature == "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
    assert orjson.loads(body)["event"] in VENDORS["mailguard"].events


async def test_people_act_and_mail_comes_by_itself(start):
    async with start("mxguard", mails_per_s=50) as sandbox:
        async with asyncio.timeout(60):
            while await count(sandbox, verdicts) < 20:
                await asyncio.sleep(0.05)
        held = await count(sandbox, quarantine_items)

    assert held >= 1
