import re
import sqlite3

import pytest
from sqlalchemy import event, select

from hub.access import keys as stored
from hub.access.keyring import KeyRefused, Keyring, NoSuchKey
from hub.access.plans import Limits
from hub.access.principal import Decision, Grant
from hub.access.secret_text import STYLES, digest
from hub.access.sessions import NoSession, Sessions, begin
from hub.access.tables import keys
from hub.sql.database import sqlite_url
from tests.factories.access import ACTOR, FULL, READ, Clock, Log, access_database


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def ring(access, clock, log):
    return Keyring(access, audit=log, clock_ms=clock, cache_s=60)


async def make(ring, **values):
    return await ring.make(ACTOR, **{"tenant": "acme", "grants": [READ], **values})


async def test_a_key_is_accepted_and_stands_for_what_it_was_granted(ring):
    key, text = await make(ring, grants=[Grant.of(["emails"], ["a.example"])], description="deploy bot")

    who = await ring.authenticate(text)

    assert (who.id, who.key_id, who.tenant, who.name) == (key.id, key.id, "acme", "deploy bot")
    assert who.may("emails:write", "a.example") is Decision.ALLOWED
    assert who.may("emails:write", "b.example") is Decision.FORBIDDEN


@pytest.mark.parametrize(
    ("style", "form"),
    [
        ("mxhub", r"mfk_live_[\w-]{43}"),
        ("mailguard", r"nmg_[0-9a-f]{64}"),
        ("mxguard", r"mxg_live_[\w-]{43}"),
        ("mxroute-manager", r"mxm_[\w-]{43}"),
    ],
)
async def test_each_dialects_keys_have_its_pages_form(ring, style, form):
    key, text = await make(ring, style=STYLES[style])

    assert re.fullmatch(form, text)
    assert key.prefix == text[:20]
    assert (await ring.authenticate(text)).id == key.id


async def test_the_database_keeps_a_hash_and_twenty_characters_only(ring, access):
    _, text = await make(ring)

    async with access.read() as tx:
        row = dict((await tx.execute(select(keys))).mappings().one())

    assert row["hash"] == digest(text)
    assert text[20:] not in str(row)
    assert text[:20] in str(row)


async def test_with_a_pepper_the_hash_is_keyed(access):
    peppered = Keyring(access, pepper=b"p" * 32)
    _, text = await make(peppered)

    assert (await peppered.authenticate(text)).tenant == "acme"
    with pytest.raises(KeyRefused):
        await Keyring(access).authenticate(text)
    with pytest.raises(KeyRefused):
        await Keyring(access, pepper=b"q" * 32).authenticate(text)


@pytest.mark.parametrize("text", ["", "mfk_live_nope", "x" * 100_000, "\udcff\x00", "é"])
async def test_what_is_no_key_is_refused(ring, text):
    with pytest.raises(KeyRefused, match="not known"):
        await ring.authenticate(text)


async def test_an_expired_key_is_refused_from_that_moment(ring, clock):
    _, text = await make(ring, expires_ms=clock() + 5_000)
    await ring.authenticate(text)
    clock.pass_s(5)

    with pytest.raises(KeyRefused, match="expired"):
        await ring.authenticate(text)


async def test_a_revoked_key_is_refused_with_the_next_request(ring):
    key, text = await make(ring)
    await ring.authenticate(text)
    revoked = await ring.revoke(ACTOR, "acme", key.id)

    with pytest.raises(KeyRefused, match="revoked"):
        await ring.authenticate(text)
    assert revoked.revoked_ms is not None
    assert [one.id for one in await ring.every("acme")] == [key.id]


async def test_another_process_refuses_a_revoked_key_once_its_second_is_over(access, clock):
    now_s = [100.0]
    here = Keyring(access, clock_ms=clock)
    there = Keyring(access, clock_ms=clock, cache_s=1.0, monotonic_s=lambda: now_s[0])
    key, text = await make(here)
    await there.authenticate(text)
    await here.revoke(ACTOR, "acme", key.id)

    now_s[0] += 1.0

    with pytest.raises(KeyRefused, match="revoked"):
        await there.authenticate(text)


async def test_a_look_that_a_revocation_overtakes_is_not_remembered(access, monkeypatch):
    key, text = await make(Keyring(access))
    ring = Keyring(access, cache_s=60)
    look = stored.by_hash

    async def overtaken(tx, hashed):
        found = await look(tx, hashed)
        monkeypatch.undo()
        await ring.revoke(ACTOR, "acme", key.id)
        return found

    monkeypatch.setattr(stored, "by_hash", overtaken)
    await ring.authenticate(text)

    with pytest.raises(KeyRefused, match="revoked"):
        await ring.authenticate(text)


async def test_a_believed_key_costs_no_query(ring, access):
    _, text = await make(ring)
    await ring.authenticate(text)
    said = []
    event.listen(access._reader.sync_engine, "before_cursor_execute", lambda *args: said.append(args[2]))

    for _ in range(50):
        await ring.authenticate(text)

    assert said == []


async def test_a_deleted_key_is_gone(ring):
    key, text = await make(ring)
    await ring.delete(ACTOR, "acme", key.id)

    with pytest.raises(KeyRefused):
        await ring.authenticate(text)
    with pytest.raises(NoSuchKey):
        await ring.find("acme", key.id)
    assert await ring.every("acme") == []


async def test_the_number_of_a_deleted_key_is_never_anothers(ring):
    first, _ = await make(ring)
    await ring.delete(ACTOR, "acme", first.number)
    second, _ = await make(ring)

    assert second.number > first.number
    assert (await ring.find("acme", second.number)).id == second.id


async def test_another_tenants_key_is_not_found(ring):
    key, _ = await make(ring)

    for verb in (ring.revoke, ring.delete, ring.change):
        with pytest.raises(NoSuchKey):
            await verb(ACTOR, "other", key.id)
    assert await ring.every("other") == []


async def test_use_is_noted_once_a_minute_and_not_at_every_request(access, clock):
    ring = Keyring(access, clock_ms=clock, cache_s=0)
    key, text = await make(ring)
    first_ms = clock()
    for _ in range(5):
        await ring.authenticate(text)
        clock.pass_s(11)
    assert (await ring.find("acme", key.id)).last_used_ms == first_ms

    clock.pass_s(10)
    await ring.authenticate(text)

    assert (await ring.find("acme", key.id)).last_used_ms == clock()


async def test_a_database_that_cannot_be_written_refuses_nobody(tmp_path, clock):
    path = tmp_path / "a.sqlite3"
    async with access_database(sqlite_url(path)) as database:
        ring = Keyring(database, clock_ms=clock)
        _, text = await make(ring)
        event.listen(database._writer.sync_engine, "before_cursor_execute", _locked)

        assert (await ring.authenticate(text)).tenant == "acme"


def _locked(*args):
    from sqlalchemy.exc import OperationalError

    raise OperationalError("", {}, sqlite3.OperationalError("database is locked"))


async def test_changed_grants_hold_at_once(ring):
    key, text = await make(ring, grants=[FULL])
    await ring.authenticate(text)
    changed = await ring.change(ACTOR, "acme", key.id, grants=[READ], description="smaller")

    who = await ring.authenticate(text)

    assert who.may("rules:write", "a.example") is Decision.FORBIDDEN
    assert changed.description == "smaller"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"grants": []}, "grants"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\x00b"}, "description"),
        ({"plan": "gold"}, "gold"),
        ({"limits": {"burst": 11}}, "burst"),
        ({"limits": {"per_week": 1}}, "per_week"),
    ],
)
async def test_what_does_not_hold_is_refused_by_name(ring, values, said):
    key, _ = await make(ring)

    with pytest.raises(ValueError, match=said):
        await make(ring, **values)
    with pytest.raises(ValueError, match=said):
        await ring.change(ACTOR, "acme", key.id, **values)


async def test_an_end_in_the_past_is_refused(ring, clock):
    with pytest.raises(ValueError, match="past"):
        await make(ring, expires_ms=clock())


async def test_the_hash_cannot_be_changed(ring):
    key, _ = await make(ring)

    with pytest.raises(ValueError, match="hash"):
        await ring.change(ACTOR, "acme", key.id, hash="x")


async def test_limits_are_the_keys_own_else_its_plans_else_the_tenants(ring):
    _, plain = await make(ring)
    _, own_plan = await make(ring, plan="free")
    _, own_figure = await make(ring, limits={"per_minute": 7})
    await ring.set_plan(ACTOR, "acme", "pro", {"per_day": 50_000})

    assert (await ring.authenticate(plain)).limits == Limits(per_minute=300, per_day=50_000)
    assert (await ring.authenticate(own_plan)).limits == Limits(per_minute=60, per_day=1_000)
    assert (await ring.authenticate(own_figure)).limits == Limits(per_minute=7, per_day=50_000)
    assert await ring.plan("acme") == ("pro", Limits(per_minute=300, per_day=50_000))


async def test_a_plan_changes_limits_and_no_right(ring):
    _, text = await make(ring, grants=[FULL])
    before = (await ring.authenticate(text)).grants
    await ring.set_plan(ACTOR, "acme", "free")

    assert (await ring.authenticate(text)).grants == before


@pytest.mark.parametrize("end", ["revoke", "delete"])
async def test_a_login_links_session_ends_with_its_key(ring, access, clock, end):
    key, _ = await make(ring)
    sessions = Sessions(access, clock_ms=clock)
    async with access.begin() as tx:
        grants = [Grant.of(["domain-admin"], ["a.example"])]
        cookie = await begin(tx, tenant="acme", now_ms=clock(), lasts_ms=60_000, key_id=key.id, grants=grants)
    who = (await sessions.authenticate(cookie)).principal
    assert who.may("rules:write", "a.example", held_by=key.id) is Decision.ALLOWED
    assert who.may("rules:write", "b.example") is Decision.FORBIDDEN

    await getattr(ring, end)(ACTOR, "acme", key.id)

    with pytest.raises(NoSession):
        await sessions.authenticate(cookie)


async def test_a_login_links_session_ends_with_its_key_even_when_that_expires(ring, access, clock):
    key, _ = await make(ring, expires_ms=clock() + 5_000)
    async with access.begin() as tx:
        cookie = await begin(tx, tenant="acme", now_ms=clock(), lasts_ms=60_000, key_id=key.id, grants=[READ])
    clock.pass_s(5)

    with pytest.raises(NoSession):
        await Sessions(access, clock_ms=clock).authenticate(cookie)


async def test_every_change_is_told_with_before_and_after_and_no_secret(ring, log):
    key, text = await make(ring)
    await ring.change(ACTOR, "acme", key.id, description="renamed")
    await ring.revoke(ACTOR, "acme", key.id)
    await ring.revoke(ACTOR, "acme", key.id)
    await ring.delete(ACTOR, "acme", key.id)
    await ring.set_plan(ACTOR, "acme", "pro")

    assert log.actions == [
        "api_key.created",
        "api_key.updated",
        "api_key.revoked",
        "api_key.deleted",
        "tenant.plan_changed",
    ]
    renamed = log.changes[1]
    assert (renamed.before["description"], renamed.after["description"]) == ("", "renamed")
    assert renamed.resource == f"api_key/{key.id}"
    assert text[20:] not in str(log.changes)
    assert digest(text) not in str(log.changes)


async def test_a_change_that_cannot_be_told_does_not_happen(access):
    async def broken(tx, change):
        raise RuntimeError("the audit log is full")

    ring = Keyring(access, audit=broken)

    with pytest.raises(RuntimeError, match="full"):
        await make(ring)
    assert await ring.every("acme") == []


async def test_the_text_of_a_key_is_in_no_repr(ring):
    key, text = await make(ring)
    who = await ring.authenticate(text)

    assert text[20:] not in repr(key) + repr(who)
