import asyncio

import pyotp
import pytest

from hub.access.oidc import Identity
from hub.access.principal import Decision, Grant
from hub.access.sessions import NoSession
from hub.access.sign_in import Pending, SignedIn, SignInRefused, TooManyAttempts, Visitor
from tests.factories.access import ACTOR, PASSWORD, VISITOR

ELSEWHERE = Identity(
    issuer="https://idp.example", subject="sub-1", email="jo@example.com", email_verified=True, name="Jo"
)


async def enrolled(people, account):
    """The authenticator of an account that now has a second factor, and its recovery codes."""
    uri = await people.second.enrol("acme", account.id)
    authenticator = pyotp.parse_uri(uri)
    codes = await people.second.confirm(ACTOR, "acme", account.id, now_code(people, authenticator))
    people.clock.pass_s(30)
    return authenticator, codes


def now_code(people, authenticator):
    return authenticator.at(people.clock() // 1000)


@pytest.mark.parametrize(
    ("login", "password"),
    [("jo@example.com", "wrong password x"), ("eve@example.com", PASSWORD), ("jo@example.com", ""), ("", "")],
)
async def test_what_does_not_hold_is_refused_in_the_same_words(people, login, password):
    await people.person()

    with pytest.raises(SignInRefused, match="Login, password or code do not hold"):
        await people.sign_in.by_password(login, password, VISITOR)


async def test_an_account_without_a_password_signs_in_with_none(people):
    await people.person(password=None)

    for password in ("", "None", PASSWORD):
        with pytest.raises(SignInRefused):
            await people.sign_in.by_password("jo@example.com", password, VISITOR)


async def test_a_login_is_found_however_it_is_written(people):
    await people.person()

    assert isinstance(await people.sign_in.by_password(" JO@Example.com", PASSWORD, VISITOR), SignedIn)


async def test_after_ten_attempts_one_login_waits_also_with_the_right_password(people):
    await people.person()
    for _ in range(10):
        with pytest.raises(SignInRefused):
            await people.sign_in.by_password("jo@example.com", "wrong password x", VISITOR)

    with pytest.raises(TooManyAttempts) as refused:
        await people.signed_in()
    assert 1 <= refused.value.retry_after_s <= 60


async def test_another_address_may_still_try(people):
    await people.person()
    for _ in range(10):
        with pytest.raises(SignInRefused):
            await people.sign_in.by_password("jo@example.com", "wrong password x", VISITOR)

    assert isinstance(await people.signed_in(visitor=Visitor(ip="192.0.2.99")), SignedIn)


async def test_one_address_cannot_try_many_logins(people):
    for number in range(60):
        with pytest.raises(SignInRefused):
            await people.sign_in.by_password(f"u{number}@example.com", "wrong password x", VISITOR)

    with pytest.raises(TooManyAttempts):
        await people.sign_in.by_password("jo@example.com", PASSWORD, VISITOR)


async def test_with_a_second_factor_the_password_alone_opens_nothing(people):
    jo = await people.person()
    authenticator, _ = await enrolled(people, jo)

    pending = await people.signed_in()

    assert isinstance(pending, Pending)
    done = await people.sign_in.finish(pending, now_code(people, authenticator), VISITOR)
    assert (await people.sessions.authenticate(done.cookie)).principal.id == jo.id


async def test_a_code_is_good_once(people):
    authenticator, _ = await enrolled(people, await people.person())
    code = now_code(people, authenticator)
    await people.sign_in.finish(await people.signed_in(), code, VISITOR)

    with pytest.raises(SignInRefused):
        await people.sign_in.finish(await people.signed_in(), code, VISITOR)


async def test_of_two_at_once_with_one_code_one_gets_in(people):
    authenticator, _ = await enrolled(people, await people.person())
    code = now_code(people, authenticator)
    pending = [await people.signed_in(), await people.signed_in()]

    results = await asyncio.gather(
        *(people.sign_in.finish(one, code, VISITOR) for one in pending), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in results) == ["SignInRefused", "SignedIn"]


async def test_an_older_code_is_refused_once_a_newer_one_was_used(people):
    authenticator, _ = await enrolled(people, await people.person())
    older = now_code(people, authenticator)
    people.clock.pass_s(30)
    await people.sign_in.finish(await people.signed_in(), now_code(people, authenticator), VISITOR)

    with pytest.raises(SignInRefused):
        await people.sign_in.finish(await people.signed_in(), older, VISITOR)


@pytest.mark.parametrize("steps", [-2, 2, 100])
async def test_a_code_of_another_time_is_refused(people, steps):
    authenticator, _ = await enrolled(people, await people.person())
    code = authenticator.at(people.clock() // 1000 + 30 * steps)

    with pytest.raises(SignInRefused):
        await people.sign_in.finish(await people.signed_in(), code, VISITOR)


async def test_a_recovery_code_is_good_once(people):
    _, codes = await enrolled(people, await people.person())

    assert len(set(codes)) == 10
    spelled = f"{codes[0][:4]}-{codes[0][4:]}".upper()
    assert isinstance(await people.sign_in.finish(await people.signed_in(), spelled, VISITOR), SignedIn)
    with pytest.raises(SignInRefused):
        await people.sign_in.finish(await people.signed_in(), codes[0], VISITOR)
    assert isinstance(await people.sign_in.finish(await people.signed_in(), codes[1], VISITOR), SignedIn)


async def test_somebody_elses_recovery_code_is_refused(people):
    _, codes = await enrolled(people, await people.person())
    await enrolled(people, await people.person("eve@example.com"))

    with pytest.raises(SignInRefused):
        await people.sign_in.finish(await people.signed_in("eve@example.com"), codes[0], VISITOR)


async def test_codes_cannot_be_tried_for_long(people):
    await enrolled(people, await people.person())
    pending = await people.signed_in()

    for number in range(9):
        with pytest.raises(SignInRefused):
            await people.sign_in.finish(pending, f"{number:06}", VISITOR)

    with pytest.raises(TooManyAttempts):
        await people.sign_in.finish(pending, "000010", VISITOR)


async def test_a_half_done_sign_in_lasts_five_minutes_and_is_used_once(people):
    authenticator, codes = await enrolled(people, await people.person())
    used, late = await people.signed_in(), await people.signed_in()
    await people.sign_in.finish(used, now_code(people, authenticator), VISITOR)

    with pytest.raises(SignInRefused):
        await people.sign_in.finish(used, codes[0], VISITOR)
    people.clock.pass_s(300)
    with pytest.raises(SignInRefused):
        await people.sign_in.finish(late, codes[0], VISITOR)


async def test_whom_a_provider_vouches_for_and_nobody_knows_is_refused(people):
    with pytest.raises(SignInRefused):
        await people.sign_in.by_identity(ELSEWHERE, VISITOR)


async def test_a_verified_address_ties_the_account_to_the_provider_for_good(people):
    jo = await people.person()

    assert (await people.sign_in.by_identity(ELSEWHERE, VISITOR)).account.id == jo.id
    moved = Identity(issuer=ELSEWHERE.issuer, subject="sub-1", email="new@example.com", email_verified=False)
    assert (await people.sign_in.by_identity(moved, VISITOR)).account.id == jo.id
    assert "auth.identity_tied" in people.log.actions


async def test_an_address_that_is_not_verified_ties_nothing(people):
    await people.person()
    claimed = Identity(issuer=ELSEWHERE.issuer, subject="x", email="jo@example.com", email_verified=False)

    with pytest.raises(SignInRefused):
        await people.sign_in.by_identity(claimed, VISITOR)


async def test_an_account_that_is_tied_already_is_nobody_elses(people):
    await people.person(identity=("https://idp.example", "sub-0"))

    with pytest.raises(SignInRefused):
        await people.sign_in.by_identity(ELSEWHERE, VISITOR)


async def test_a_providers_word_does_not_replace_the_second_factor(people):
    await enrolled(people, await people.person(identity=("https://idp.example", "sub-1")))

    assert isinstance(await people.sign_in.by_identity(ELSEWHERE, VISITOR), Pending)


async def test_attempts_are_told_with_where_they_came_from_and_no_secret(people):
    authenticator, codes = await enrolled(people, await people.person())
    code = now_code(people, authenticator)
    done = await people.sign_in.finish(await people.signed_in(), code, VISITOR)
    with pytest.raises(SignInRefused):
        await people.sign_in.by_password("jo@example.com", "wrong password x", VISITOR)

    assert people.log.actions[-2:] == ["auth.login", "auth.login_failed"]
    failed = people.log.changes[-1]
    assert (failed.actor.name, failed.actor.ip, failed.succeeded) == ("jo@example.com", VISITOR.ip, False)
    told = str(people.log.changes)
    for secret in ("wrong password x", PASSWORD, done.cookie, authenticator.secret, codes[0]):
        assert secret not in told
    assert done.cookie not in repr(done)


async def test_whoever_follows_a_login_link_administers_that_domain_only_and_makes_no_links(people):
    key, _ = await people.keyring.make(ACTOR, tenant="acme", grants=[Grant.of(["full-admin"])])
    cookie = await people.sign_in.by_link(key, "a.example", VISITOR, lasts_ms=60_000)

    who = (await people.sessions.authenticate(cookie)).principal

    assert who.may("rules:write", "a.example", held_by=key.id) is Decision.ALLOWED
    assert who.may("rules:write", "b.example") is Decision.FORBIDDEN
    assert who.may("login-links:create", "a.example") is Decision.FORBIDDEN
    assert who.may("keys:read") is Decision.FORBIDDEN
    assert cookie not in str(people.log.changes)
    people.clock.pass_s(60)
    with pytest.raises(NoSession):
        await people.sessions.authenticate(cookie)
