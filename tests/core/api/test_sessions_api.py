"""The first administrator, signing in and out, the second factor."""

import pyotp
import pytest

from hub.access.sessions import COOKIE
from tests.factories.core_people import PASSWORD, Browser, code_of, cookie_of, enrolled, person, signed_in
from tests.factories.core_records import actions, events, everything_kept

FIRST = {"login": "Admin@Example.com ", "password": PASSWORD}


async def test_the_first_start_s_token_makes_one_administrator(service_api):
    token = await service_api.core.access.directory.first_token()
    made = await service_api.call("POST", "/setup", {"token": token, **FIRST}, key="")
    again = await service_api.call(
        "POST", "/setup", {"token": token, **FIRST, "login": "eve@example.com"}, key=""
    )

    assert (made.status, made.data["login"], made.data["admin"]) == (201, "admin@example.com", True)
    assert again.status == 401
    assert await service_api.core.access.directory.first_token() is None


async def test_a_token_that_is_wrong_or_too_old_makes_nobody(service_api):
    token = await service_api.core.access.directory.first_token()
    wrong = await service_api.call("POST", "/setup", {"token": "x", **FIRST}, key="")
    service_api.core.clock.advance(24 * 3600 + 1)
    late = await service_api.call("POST", "/setup", {"token": token, **FIRST}, key="")

    assert (wrong.status, late.status) == (401, 401)


async def test_a_weak_first_password_is_named_and_the_token_still_holds(service_api):
    token = await service_api.core.access.directory.first_token()
    weak = await service_api.call("POST", "/setup", {"token": token, **FIRST, "password": "short"}, key="")
    good = await service_api.call("POST", "/setup", {"token": token, **FIRST}, key="")

    assert (weak.status, weak.error["details"][0]["field"], good.status) == (400, "password", 201)


async def test_a_session_s_cookie_is_for_this_host_only_and_unreadable_for_pages(service_api):
    await person(service_api, admin=True)
    said = await service_api.call(
        "POST", "/sessions", {"login": "jo@example.com", "password": PASSWORD}, key=""
    )

    given = said.headers["Set-Cookie"]
    assert given.startswith("__Host-")
    assert all(part in given for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert said.headers["Cache-Control"] == "no-store"
    assert (said.data["state"], said.data["account"]["login"]) == ("signed_in", "jo@example.com")
    assert cookie_of(said) not in await everything_kept(service_api.core)


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("jo@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("\x00" * 200, "\x00"),
        ("\U0001f512" * 256, "\u202e" * 256),
        ("a@b\r\nX: y", "{}'\"; --"),
    ],
)
async def test_every_refusal_is_in_the_same_words(service_api, login, password):
    await person(service_api)
    said = await service_api.call("POST", "/sessions", {"login": login, "password": password}, key="")

    assert (said.status, said.error["message"]) == (401, "Login, password or code do not hold.")
    assert "Set-Cookie" not in said.headers


async def test_signing_in_and_failing_to_are_told(service_api):
    await person(service_api)
    await signed_in(service_api)
    await service_api.call("POST", "/sessions", {"login": "jo@example.com", "password": "x"}, key="")

    assert (await actions(service_api.core))[-2:] == ["auth.login", "auth.login_failed"]
    assert len(await events(service_api.core, "auth.login")) == 1
    assert len(await events(service_api.core, "auth.login_failed")) == 1


async def test_too_many_attempts_wait(service_api):
    body = {"login": "jo@example.com", "password": "x"}
    answers = [await service_api.call("POST", "/sessions", body, key="") for _ in range(11)]

    assert [said.status for said in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_another_site_signs_nobody_in(service_api):
    await person(service_api)
    body, headers = {"login": "jo@example.com", "password": PASSWORD}, {"Sec-Fetch-Site": "cross-site"}

    assert (await service_api.call("POST", "/sessions", body, key="", headers=headers)).status == 403


async def test_unsafe_requests_of_a_session_need_its_csrf_token(service_api):
    await person(service_api, admin=True)
    browser = await signed_in(service_api)
    without = await browser.call("POST", "/customers", {"name": "x"}, csrf=False)
    token = (await browser.call("GET", "/sessions/csrf", csrf=False)).data["csrf_token"]
    with_it = await browser.call(
        "POST", "/customers", {"name": "x"}, csrf=False, headers={"X-CSRF-Token": token}
    )

    assert (without.status, without.error["code"]) == (403, "CSRF_FAILED")
    assert with_it.status == 201


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(service_api):
    await person(service_api)
    browser = await signed_in(service_api)
    said = await browser.call("DELETE", "/sessions")

    assert "Max-Age=0" in said.headers["Set-Cookie"]
    assert (await browser.call("GET", "/me")).status == 401


async def test_signing_in_again_ends_the_session_before(service_api):
    await person(service_api)
    browser = await signed_in(service_api)
    said = await browser.call("POST", "/sessions", {"login": "jo@example.com", "password": PASSWORD})

    assert said.status == 200
    assert (await browser.call("GET", "/me")).status == 401


async def test_a_key_has_no_session_whatever_cookie_comes_with_it(service_api):
    for method, path in (("DELETE", "/sessions"), ("GET", "/sessions/csrf")):
        said = await service_api.call(method, path, headers={"Cookie": f"{COOKIE}=x"})
        assert said.status == 403


async def test_with_a_second_factor_a_password_is_half_the_way(service_api):
    await person(service_api)
    authenticator, _ = await enrolled(await signed_in(service_api))
    body = {"login": "jo@example.com", "password": PASSWORD}
    half = await service_api.call("POST", "/sessions", body, key="")
    assert (half.data["state"], "Set-Cookie" in half.headers) == ("second_factor", False)

    wrong = {"pending": half.data["pending"], "code": "000000"}
    assert (await service_api.call("POST", "/sessions/second-factor", wrong, key="")).status == 401
    right = {**wrong, "code": code_of(service_api, authenticator)}
    whole = await service_api.call("POST", "/sessions/second-factor", right, key="")
    assert whole.data["state"] == "signed_in"
    assert (await Browser(service_api, cookie_of(whole)).call("GET", "/me")).status == 200
    assert (await service_api.call("POST", "/sessions/second-factor", right, key="")).status == 401


async def test_a_recovery_code_is_good_once(service_api):
    await person(service_api)
    _, codes = await enrolled(await signed_in(service_api))
    body, statuses = {"login": "jo@example.com", "password": PASSWORD}, []
    for _ in range(2):
        half = await service_api.call("POST", "/sessions", body, key="")
        wanted = {"pending": half.data["pending"], "code": codes[0]}
        statuses.append((await service_api.call("POST", "/sessions/second-factor", wanted, key="")).status)

    assert statuses == [200, 401]


async def test_a_second_factor_is_not_asked_for_before_it_is_proven(service_api):
    await person(service_api)
    browser = await signed_in(service_api)
    await browser.call("POST", "/me/second-factor")
    wrong = await browser.call("POST", "/me/second-factor/confirm", {"code": "000000"})

    assert (wrong.status, wrong.error["details"][0]["field"]) == (400, "code")
    assert (await signed_in(service_api)).cookie


async def test_recovery_codes_whose_answer_was_lost_are_told_again_under_the_idempotency_key(service_api):
    await person(service_api)
    browser = await signed_in(service_api)
    begun = await browser.call("POST", "/me/second-factor")
    body = {"code": code_of(service_api, pyotp.parse_uri(begun.data["uri"]))}
    headers = {"Idempotency-Key": "once"}
    first, again = [
        await browser.call("POST", "/me/second-factor/confirm", body, headers=headers) for _ in range(2)
    ]

    assert (again.status, again.raw) == (200, first.raw)
    assert len(first.data["recovery_codes"]) == 10


async def test_taking_the_second_factor_off_needs_a_code(service_api):
    await person(service_api)
    browser = await signed_in(service_api)
    _, codes = await enrolled(browser)
    assert (await browser.call("POST", "/me/second-factor")).status == 409

    without = await browser.call("POST", "/me/second-factor/disable", {"code": "000000"})
    assert without.status == 401
    assert (await browser.call("POST", "/me/second-factor/disable", {"code": codes[0]})).status == 200
    assert (await signed_in(service_api)).cookie
    secrets = await everything_kept(service_api.core)
    assert not any(code in secrets for code in codes)


async def test_who_changes_their_password_is_signed_out_elsewhere_only(service_api):
    await person(service_api)
    here, there = await signed_in(service_api), await signed_in(service_api)
    new = "another battery staple"
    wrong = await here.call("PUT", "/me/password", {"old": "x", "new": new})
    weak = await here.call("PUT", "/me/password", {"old": PASSWORD, "new": "short"})
    right = await here.call("PUT", "/me/password", {"old": PASSWORD, "new": new})

    assert (wrong.status, weak.status, right.status) == (401, 400, 200)
    assert (await here.call("GET", "/me")).status == 200
    assert (await there.call("GET", "/me")).status == 401
    assert (await signed_in(service_api, password=new)).cookie
    assert new not in await everything_kept(service_api.core)
