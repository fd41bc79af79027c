import pytest
from sqlalchemy import select

from hub.access.plans import DEFAULT
from hub.access.secret_text import digest
from hub.access.sessions import COOKIE, NoSession, Sessions, cookie_header, csrf_token, is_csrf_token
from hub.access.sign_in import Visitor
from hub.access.tables import sessions
from tests.factories.access import ACTOR, VISITOR


async def refused(people, cookie):
    with pytest.raises(NoSession):
        await people.sessions.authenticate(cookie)
    return True


async def test_a_session_is_its_persons(people):
    jo = await people.person()
    found = await people.sessions.authenticate((await people.signed_in()).cookie)

    assert (found.principal.kind, found.principal.id, found.principal.name) == ("session", jo.id, jo.login)
    assert found.principal.tenant == "acme"
    assert found.principal.limits == DEFAULT


async def test_the_database_keeps_a_hash_of_the_cookie(people):
    await people.person()
    cookie = (await people.signed_in()).cookie

    async with people.database.read() as tx:
        row = dict((await tx.execute(select(sessions))).mappings().one())

    assert row["hash"] == digest(cookie)
    assert cookie not in str(row)
    assert (row["ip"], row["agent"]) == (VISITOR.ip, VISITOR.agent)


@pytest.mark.parametrize("cookie", ["", "x", "x" * 10_000, "\udcff"])
async def test_what_names_no_session_is_refused(people, cookie):
    assert await refused(people, cookie)


async def test_an_idle_session_ends(people):
    await people.person()
    cookie = (await people.signed_in()).cookie
    people.clock.pass_s(30 * 60)

    assert await refused(people, cookie)


async def test_a_session_in_use_lives_until_its_absolute_end(people):
    await people.person()
    cookie = (await people.signed_in()).cookie
    for _ in range(12 * 3 - 1):
        people.clock.pass_s(20 * 60)
        await people.sessions.authenticate(cookie)

    people.clock.pass_s(20 * 60)

    assert await refused(people, cookie)


async def test_signing_in_again_changes_the_cookie_and_ends_the_old_one(people):
    await people.person()
    first = (await people.signed_in()).cookie
    second = (await people.signed_in(visitor=Visitor(ip="192.0.2.1", cookie=first))).cookie

    assert first != second
    assert await refused(people, first)
    assert (await people.sessions.authenticate(second)).principal.name == "jo@example.com"


async def test_signing_out_ends_this_session_only(people):
    await people.person()
    here, there = (await people.signed_in()).cookie, (await people.signed_in()).cookie
    await people.sessions.end(here)
    await people.sessions.end(here)

    assert await refused(people, here)
    assert (await people.sessions.authenticate(there)).principal.name == "jo@example.com"


async def test_a_sweep_deletes_what_has_ended_and_nothing_else(people):
    await people.person()
    await people.signed_in()
    people.clock.pass_s(29 * 60)
    cookie = (await people.signed_in()).cookie
    people.clock.pass_s(60)

    assert await people.sessions.sweep() == 1
    assert (await people.sessions.authenticate(cookie)).principal.name == "jo@example.com"


async def test_an_administrators_rights_follow_the_account(people):
    jo = await people.person(admin=True)
    await people.person("other@example.com", admin=True)
    cookie = (await people.signed_in()).cookie
    assert (await people.sessions.authenticate(cookie)).principal.is_full_admin

    await people.directory.change(ACTOR, "acme", jo.id, admin=False)

    assert not (await people.sessions.authenticate(cookie)).principal.is_full_admin


def test_the_csrf_token_belongs_to_its_cookie_and_does_not_show_it():
    token = csrf_token("cookie-a")

    assert is_csrf_token(token, "cookie-a")
    assert not is_csrf_token(token, "cookie-b")
    assert not is_csrf_token("", "cookie-a")
    assert not is_csrf_token("\udcff", "cookie-a")
    assert "cookie-a" not in token
    assert digest("cookie-a") != token


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http():
    parts = cookie_header("text", 60).split("; ")

    assert parts[0] == f"{COOKIE}=text"
    assert COOKIE.startswith("__Host-")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=60"} == set(parts[1:])


async def test_noting_that_a_session_is_in_use_costs_one_write_a_minute(people, monkeypatch):
    await people.person()
    cookie = (await people.signed_in()).cookie
    writes = []
    begin = people.database.begin
    counted = Sessions(people.database, clock_ms=people.clock)
    monkeypatch.setattr(people.database, "begin", lambda: writes.append(1) or begin())
    for _ in range(12):
        people.clock.pass_s(11)
        await counted.authenticate(cookie)

    assert len(writes) == 2
