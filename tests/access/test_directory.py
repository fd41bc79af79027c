import asyncio

import pytest
from sqlalchemy import delete, select

from hub.access.directory import LastAdmin, LoginTaken, NoSuchAccount, TenantTaken
from hub.access.principal import Decision, Grant
from hub.access.sessions import NoSession
from hub.access.sign_in import SignInRefused
from hub.access.tables import accounts, sessions, tenants
from tests.factories.access import ACTOR, PASSWORD, VISITOR

NEW = "a quite different one"


async def test_the_first_administrator_is_made_with_the_printed_token(people):
    token = await people.directory.first_token()

    made = await people.directory.claim(token, login="Root@Example.com", password=PASSWORD)

    assert (made.login, made.admin, made.tenant) == ("root@example.com", True, "default")
    who = (await people.sessions.authenticate((await people.signed_in("root@example.com")).cookie)).principal
    assert who.may("keys:write") is Decision.ALLOWED


async def test_the_first_token_is_good_once(people):
    token = await people.directory.first_token()
    await people.directory.claim(token, login="root@example.com", password=PASSWORD)

    assert await people.directory.claim(token, login="eve@example.com", password=PASSWORD) is None


async def test_a_restart_prints_a_new_token_and_the_old_one_is_worth_nothing(people):
    old = await people.directory.first_token()
    new = await people.directory.first_token()

    assert await people.directory.claim(old, login="eve@example.com", password=PASSWORD) is None
    assert await people.directory.claim(new, login="root@example.com", password=PASSWORD) is not None


async def test_the_first_token_is_good_for_a_day(people):
    token = await people.directory.first_token()
    people.clock.pass_s(86_400)

    assert await people.directory.claim(token, login="root@example.com", password=PASSWORD) is None


async def test_no_token_is_made_where_the_operator_has_somebody(people):
    await people.person(tenant="default")

    assert await people.directory.first_token() is None


async def test_a_token_from_before_somebody_was_made_is_worth_nothing(people):
    token = await people.directory.first_token()
    await people.person(tenant="default")

    assert await people.directory.claim(token, login="eve@example.com", password=PASSWORD) is None


async def test_a_tenants_people_do_not_shut_the_operator_out(people):
    await people.person(tenant="acme")
    token = await people.directory.first_token()

    made = await people.directory.claim(token, login="root@example.com", password=PASSWORD)

    assert (made.tenant, made.admin) == ("default", True)


async def invited(people, tenant="globex", login="hank@globex.example"):
    return await people.directory.invite(ACTOR, tenant, login)


async def claimed(people, token, login="hank@globex.example"):
    return await people.directory.claim(token, login=login, password=PASSWORD)


async def test_a_tenants_first_administrator_comes_with_the_token_once(people):
    token = await invited(people, login=" Hank@Globex.example")
    made = await claimed(people, token)

    assert (made.tenant, made.login, made.admin) == ("globex", "hank@globex.example", True)
    assert await claimed(people, token, "eve@example.com") is None
    assert await claimed(people, token) is None
    assert people.log.actions[-3:] == ["account.invited", "tenant.created", "account.created"]


async def test_a_tenants_token_is_for_the_login_that_was_named(people):
    token = await invited(people)

    assert await claimed(people, token, "eve@example.com") is None
    assert await claimed(people, token) is not None


async def test_a_new_token_of_a_tenant_ends_those_before_and_no_other_tenants(people):
    old, others = await invited(people, login="hnak@globex.example"), await invited(people, "acme", "jo@acme")
    new = await invited(people)

    assert await claimed(people, old, "hnak@globex.example") is None
    assert (await claimed(people, others, "jo@acme")).tenant == "acme"
    assert (await claimed(people, new)).tenant == "globex"
    assert people.log.actions.count("tenant.created") == 2


async def test_a_tenants_token_is_good_for_seven_days(people):
    token = await invited(people)
    people.clock.pass_s(7 * 86_400)

    assert await claimed(people, token) is None


async def test_a_token_of_a_tenant_that_was_erased_is_worth_nothing(people, access):
    token = await invited(people)
    async with access.begin() as tx:
        await tx.execute(delete(tenants))

    assert await claimed(people, token) is None


async def test_nobody_is_invited_where_there_are_people_or_under_a_login_that_is_taken(people):
    await people.person(tenant="acme")

    with pytest.raises(TenantTaken):
        await invited(people, "acme", "two@acme.example")
    with pytest.raises(LoginTaken):
        await invited(people, "globex", "jo@example.com")


async def test_a_login_that_was_taken_meanwhile_is_not_claimed(people):
    token = await invited(people)
    await people.person("hank@globex.example", tenant="acme")

    with pytest.raises(LoginTaken):
        await claimed(people, token)


async def test_a_login_is_one_persons_over_all_tenants(people):
    await people.person()

    with pytest.raises(LoginTaken):
        await people.person("JO@example.com ", tenant="other")


@pytest.mark.parametrize(
    "login", ["", "jo", "jo@", "a b@example.com", "jo@exa\x00mple.com", "x" * 300 + "@e"]
)
async def test_a_login_is_an_address(people, login):
    with pytest.raises(ValueError, match="login"):
        await people.person(login)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "jo@example.com", "x" * 257])
async def test_a_weak_password_is_refused(people, password):
    with pytest.raises(ValueError, match="password"):
        await people.person(password=password)


async def test_the_database_keeps_a_slow_hash_of_the_password(people):
    await people.person()

    async with people.database.read() as tx:
        kept = (await tx.execute(select(accounts.c.password))).scalar_one()

    assert kept.startswith("scrypt$4$1$1$")
    assert PASSWORD not in kept


async def test_what_is_delegated_holds_at_once_and_ends_at_once(people):
    jo = await people.person()
    cookie = (await people.signed_in()).cookie

    async def may(scope, domain):
        return (await people.sessions.authenticate(cookie)).principal.may(scope, domain)

    assert await may("emails:write", "a.example") is Decision.FORBIDDEN
    await people.directory.delegate(ACTOR, "acme", jo.id, [Grant.of(["emails", "dns"], ["a.example"])])
    assert await may("emails:write", "a.example") is Decision.ALLOWED
    assert await may("dns:write", "b.example") is Decision.FORBIDDEN
    assert await may("spam:write", "a.example") is Decision.FORBIDDEN
    assert [(one.id, grants) for one, grants in await people.directory.delegations("acme")] == [
        (jo.id, (Grant.of(["emails", "dns"], ["a.example"]),))
    ]
    await people.directory.delegate(ACTOR, "acme", jo.id, [])
    assert await may("emails:write", "a.example") is Decision.FORBIDDEN
    assert await people.directory.delegations("acme") == []


async def test_whoever_is_no_longer_active_is_out_at_once(people):
    jo = await people.person()
    cookie = (await people.signed_in()).cookie
    await people.directory.change(ACTOR, "acme", jo.id, active=False)

    with pytest.raises(NoSession):
        await people.sessions.authenticate(cookie)
    with pytest.raises(SignInRefused):
        await people.signed_in()


async def test_a_new_password_ends_all_other_sessions(people):
    jo = await people.person()
    here, there = (await people.signed_in()).cookie, (await people.signed_in()).cookie
    await people.directory.set_password(ACTOR, "acme", jo.id, NEW, keep=here)

    assert (await people.sessions.authenticate(here)).principal.id == jo.id
    with pytest.raises(NoSession):
        await people.sessions.authenticate(there)
    with pytest.raises(SignInRefused):
        await people.signed_in()
    assert (await people.sign_in.by_password("jo@example.com", NEW, VISITOR)).account.id == jo.id


async def test_signing_out_everywhere_ends_every_session(people):
    jo = await people.person()
    cookies = [(await people.signed_in()).cookie for _ in range(3)]
    await people.directory.sign_out(ACTOR, "acme", jo.id)

    for cookie in cookies:
        with pytest.raises(NoSession):
            await people.sessions.authenticate(cookie)


@pytest.mark.parametrize("how", ["delete", "demote", "lock"])
async def test_a_tenant_keeps_an_administrator(people, how):
    root = await people.person(admin=True)
    await people.person("jo2@example.com", admin=True, tenant="other")
    calls = {
        "delete": lambda: people.directory.delete(ACTOR, "acme", root.id),
        "demote": lambda: people.directory.change(ACTOR, "acme", root.id, admin=False),
        "lock": lambda: people.directory.change(ACTOR, "acme", root.id, active=False),
    }

    with pytest.raises(LastAdmin):
        await calls[how]()
    await people.person("second@example.com", admin=True)
    await calls[how]()


async def test_a_deleted_account_leaves_nothing_behind(people):
    jo = await people.person()
    await people.signed_in()
    await people.directory.delegate(ACTOR, "acme", jo.id, [Grant.of(["dns"], ["a.example"])])
    await people.directory.delete(ACTOR, "acme", jo.id)

    with pytest.raises(NoSuchAccount):
        await people.directory.find("acme", jo.id)
    async with people.database.read() as tx:
        assert (await tx.execute(select(sessions))).all() == []


async def test_another_tenants_account_is_not_found(people):
    jo = await people.person()

    with pytest.raises(NoSuchAccount):
        await people.directory.delete(ACTOR, "other", jo.id)
    with pytest.raises(NoSuchAccount):
        await people.directory.delegate(ACTOR, "other", jo.id, [])
    assert await people.directory.every("other") == []


async def test_every_change_is_told_and_no_password_or_hash_with_it(people):
    jo = await people.person()
    await people.directory.change(ACTOR, "acme", jo.id, name="Jo")
    await people.directory.set_password(ACTOR, "acme", jo.id, NEW)
    await people.directory.delegate(ACTOR, "acme", jo.id, [Grant.of(["dns"], ["a.example"])])
    await people.directory.delegate(ACTOR, "acme", jo.id, [])
    await people.directory.sign_out(ACTOR, "acme", jo.id)
    await people.directory.delete(ACTOR, "acme", jo.id)

    assert people.log.actions == [
        "account.created",
        "account.updated",
        "account.password_changed",
        "delegation.changed",
        "delegation.removed",
        "auth.signed_out_everywhere",
        "account.deleted",
    ]
    told = str(people.log.changes)
    assert PASSWORD not in told
    assert NEW not in told
    assert "scrypt$" not in told
    assert "scrypt$" not in repr(jo)


async def test_of_two_who_take_one_login_at_once_one_gets_it(people):
    made = await asyncio.gather(*(people.person() for _ in range(3)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in made) == ["Account", "LoginTaken", "LoginTaken"]


async def test_two_administrators_cannot_remove_each_other_at_once(people):
    both = [await people.person(f"root{n}@example.com", admin=True) for n in range(2)]
    calls = [people.directory.change(ACTOR, "acme", one.id, admin=False) for one in both]
    done = await asyncio.gather(*calls, return_exceptions=True)

    assert sorted(type(one).__name__ for one in done) == ["Account", "LastAdmin"]


async def test_delegating_at_once_leaves_one_of_the_grants(people):
    jo = await people.person()
    given = [Grant.of(["dns"], [f"d{n}.example"]) for n in range(4)]
    await asyncio.gather(*(people.directory.delegate(ACTOR, "acme", jo.id, [one]) for one in given))

    ((_, kept),) = await people.directory.delegations("acme")
    assert kept[0] in given
