"""MXroute Manager's dialect in a browser: signing in, CSRF, OIDC, what only administrators' sessions do."""

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from core.api.oidc import BINDING
from core.app.assemble import oidc_of
from core.config import CoreConfig
from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from hub.access.audit import SYSTEM
from hub.access.sessions import COOKIE, csrf_token
from tests.factories.core_people import PASSWORD
from tests.factories.oidc import LocalProvider
from tests.factories.shared import settle

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKENS, DELEGATIONS, SETTINGS = (f"/api/admin/{name}" for name in ("api-tokens", "delegations", "settings"))


class Browser:
    """Keeps cookies, and sends the CSRF token that its cookie holds."""

    def __init__(self, place, login="", *, csrf=True):
        self.place, self.login, self.csrf, self.cookies = place, login, csrf, {}

    async def call(self, method, path, json=None, **more):
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if self.csrf and "csrf_token" in self.cookies:
            headers["X-CSRF-Token"] = self.cookies["csrf_token"]
        headers |= more.pop("headers", {})
        said = await self.place.call(method, path, json, key="", headers=headers, **more)
        for given in said.headers.getall("Set-Cookie", []):
            name, _, rest = given.partition("=")
            self.cookies[name] = rest.partition(";")[0]
            if "Max-Age=0" in rest:
                del self.cookies[name]
        return said


async def person(manager, name="jo", *, admin=False, password=PASSWORD):
    login = f"{name}@{manager.domain}"
    await manager.core.access.directory.make(
        SYSTEM, tenant=manager.tenant, login=login, password=password, admin=admin
    )
    return login


async def signed_in(manager, name="jo", **more):
    admin = more.pop("admin", False)
    browser = Browser(manager, await person(manager, name, admin=admin), **more)
    said = await browser.call("POST", "/login", {"username": browser.login, "password": PASSWORD})
    assert (said.status, said.data["state"]) == (200, "signed_in")
    return browser


async def test_a_browser_signs_in_and_has_a_session_and_its_csrf_token_in_a_cookie_of_its_own(manager):
    browser = await signed_in(manager, admin=True)
    me = (await browser.call("GET", "/api/me")).data

    assert set(browser.cookies) == {COOKIE, "csrf_token"}
    assert browser.cookies["csrf_token"] == csrf_token(browser.cookies[COOKIE]) == me["csrf_token"]
    assert (me["auth"], me["username"], me["is_admin"]) == ("session", browser.login, True)


async def test_pages_read_the_csrf_cookie_and_not_the_sessions(manager):
    login = await person(manager)
    said = await manager.call("POST", "/login", {"username": login, "password": PASSWORD}, key="")
    given = dict(each.split("=", 1) for each in said.headers.getall("Set-Cookie"))

    assert "HttpOnly" in given[COOKIE]
    assert "HttpOnly" not in given["csrf_token"]
    assert all("Secure" in each and "SameSite=Lax" in each for each in given.values())


async def test_a_session_that_lost_its_csrf_cookie_gets_it_again(manager):
    browser = await signed_in(manager)
    token = browser.cookies.pop("csrf_token")
    await browser.call("GET", "/api/me")

    assert browser.cookies["csrf_token"] == token


async def test_a_form_signs_in_too(manager):
    login = await person(manager)
    form = {"username": login, "password": PASSWORD}
    said = await manager.call("POST", "/login", key="", data=form)
    wrong = await manager.call("POST", "/login", key="", data={**form, "password": "wrong horse"})
    empty = await manager.call("POST", "/login", key="", data={"a": "b"})

    assert [each.status for each in (said, wrong, empty)] == [200, 401, 400]
    assert "Set-Cookie" not in wrong.headers


@pytest.mark.parametrize("raw", [b"%", b"username=%ff&password=%00", b"&" * 1000, b"username=a&" * 50])
async def test_a_senseless_form_signs_nobody_in(manager, raw):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    said = await manager.call("POST", "/login", key="", data=raw, headers=headers)

    assert said.status in (400, 401)


async def test_no_other_site_signs_a_browser_in(manager):
    login = await person(manager)
    said = await manager.call(
        "POST",
        "/login",
        {"username": login, "password": PASSWORD},
        key="",
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert said.status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_session_needs_its_csrf_token_for_writes(manager, method):
    browser = await signed_in(manager, admin=True, csrf=False)
    paths = {"POST": TOKENS, "PUT": "/api/admin/notifications", "PATCH": SETTINGS}
    path = paths.get(method, f"{TOKENS}/key_1")
    without = await browser.call(method, path, {"label": "ci"})
    wrong = await browser.call(method, path, {"label": "ci"}, headers={"X-CSRF-Token": "x" * 43})
    browser.csrf = True

    assert (without.status, wrong.status) == (403, 403)
    assert (await browser.call("GET", "/api/me")).status == 200
    assert (await browser.call(method, path, {"label": "ci"})).status != 403


async def test_a_session_ends_when_its_owner_signs_out(manager):
    browser = await signed_in(manager)
    cookie = browser.cookies[COOKIE]
    said = await browser.call("POST", "/logout")

    assert (said.status, browser.cookies) == (200, {})
    browser.cookies[COOKIE] = cookie
    assert (await browser.call("GET", "/api/me")).status == 401


async def test_no_token_lists_makes_or_revokes_tokens(manager):
    asked = [
        ("GET", TOKENS, None),
        ("POST", TOKENS, {"label": "more", "is_admin": True}),
        ("DELETE", f"{TOKENS}/key_1", None),
    ]
    plain = await manager.key("emails")
    before = len(await manager.core.access.keyring.every(manager.tenant))
    found = {(await manager.call(*one, key=key)).status for one in asked for key in (manager.admin, plain)}

    assert found == {403}
    assert len(await manager.core.access.keyring.every(manager.tenant)) == before


async def test_an_administrator_in_a_session_makes_lists_and_revokes_tokens(manager):
    browser = await signed_in(manager, admin=True)
    grants = [{"domain": manager.domain, "permissions": ["emails"]}]
    made = await browser.call("POST", TOKENS, {"label": "ci", "grants": grants})
    ours = [one for one in (await browser.call("GET", TOKENS)).data if one["label"] == "ci"]
    works = await manager.call("GET", "/api/domains", key=made.data["token"])
    await browser.call("DELETE", f"{TOKENS}/{made.data['id']}")

    assert (made.status, made.data["token"][:4], works.data) == (201, "mxm_", [manager.domain])
    assert [(one["prefix"], one["grants"], "token" in one) for one in ours] == [
        (made.data["token"][:12], grants, False)
    ]
    assert (await manager.call("GET", "/api/domains", key=made.data["token"])).status == 401
    logged = (await manager.call("GET", "/api/admin/logs")).data["entries"]
    assert [one["action"] for one in logged][:2] == ["api_token.revoke", "api_token.create"]
    assert made.data["token"] not in str(logged)


async def test_a_label_stays_on_its_line(manager):
    browser = await signed_in(manager, admin=True)
    said = await browser.call("POST", TOKENS, {"label": "ci\nroot", "is_admin": True})

    assert (said.status, said.error["message"]) == (400, "label: holds characters that cannot be printed")


async def test_somebody_who_is_no_administrator_makes_no_tokens(manager):
    browser = await signed_in(manager)

    assert (await browser.call("GET", TOKENS)).status == 403
    assert (await browser.call("POST", TOKENS, {"label": "ci", "is_admin": True})).status == 403


async def test_a_delegation_holds_for_its_domain_and_ends(manager):
    browser = await signed_in(manager)
    grants = [{"domain": manager.domain, "permissions": ["emails", "dns"]}]
    shown = {"username": browser.login, "email": browser.login, "grants": grants}
    given = await manager.call("POST", DELEGATIONS, {"email": browser.login, "grants": grants})
    listed = await manager.call("GET", DELEGATIONS)
    boxes = f"/api/domains/{manager.domain}/email-accounts"
    may = await browser.call("GET", boxes)
    key = await manager.key("emails", "dns", domains=(manager.domain,))
    token_may = await manager.call("GET", boxes, key=key)
    ended = await manager.call("DELETE", f"{DELEGATIONS}/{browser.login}")
    may_not = await browser.call("GET", boxes)

    assert (given.data, listed.data) == (shown, [shown])
    assert (may.status, token_may.status, ended.status, may_not.status) == (200, 200, 200, 403)


@pytest.mark.parametrize(
    "grant", [{"domain": "x", "permissions": ["all"]}, {"domain": "a b", "permissions": ["dns"]}]
)
async def test_a_delegation_of_what_there_is_not_is_400(manager, grant):
    body = {"username": await person(manager), "grants": [grant]}

    assert (await manager.call("POST", DELEGATIONS, body)).status == 400


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_settings_are_shown_and_changed(manager, method):
    before = (await manager.call("GET", SETTINGS)).data
    after = (await manager.call(method, SETTINGS, {"login_link_minutes": 5})).data
    wrong = await manager.call(method, SETTINGS, {"colour": "red"})
    (logged,) = (await manager.call("GET", "/api/admin/logs?limit=1")).data["entries"]

    assert (before["dmarc_record"], before["public_url_scheme"]) == ("v=DMARC1; p=none", "https")
    assert (after["login_link_minutes"], wrong.status) == (5, 400)
    assert (logged["action"], logged["details"]["after"]) == ("settings.update", {"login_link_minutes": 5})


# -- a provider ----------------------------------------------------------------------------------------------
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provided(shared_core):
    """A manager whose people sign in at a provider that signs real tokens."""
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(LocalProvider(shared_core.clock))
        config = CoreConfig(
            oidc={
                "issuer": provider.issuer,
                "client_id": provider.client_id,
                "client_secret": provider.client_secret,
                "redirect_uri": "https://manager.example.com/oidc/callback",
            },
            allow_networks=("127.0.0.0/8",),
        )
        oidc = oidc_of(config, shared_core.database, shared_core.clock, stack)
        core = replace(shared_core, config=config, oidc=oidc)
        app = create_app(core, MXROUTE_MANAGER)
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        yield await settle(core, client, "mxroute-manager"), provider


async def test_people_sign_in_at_the_provider(provided):
    manager, provider = provided
    provider.claims = {"email": await person(manager, password=None)}
    browser = Browser(manager)
    begun = await browser.call("GET", "/login/redirect")
    query = provider.sign_in(begun.headers["Location"])
    said = await browser.call("GET", "/oidc/callback", params=query)
    me = await browser.call("GET", "/api/me")

    assert (begun.status, said.status, said.data["state"]) == (303, 200, "signed_in")
    assert (me.data["username"], me.body["oidc_enabled"]) == (provider.claims["email"], True)
    assert me.data["csrf_token"] == browser.cookies["csrf_token"]


async def test_what_another_browser_began_signs_nobody_in(provided):
    manager, provider = provided
    begun = await Browser(manager).call("GET", "/login/redirect")
    query = provider.sign_in(begun.headers["Location"])
    other = Browser(manager)
    other.cookies[BINDING] = "x" * 43
    said = await other.call("GET", "/oidc/callback", params=query)

    assert (said.status, said.body["success"], COOKIE in other.cookies) == (401, False, False)


async def test_without_a_provider_there_is_none(manager):
    assert (await manager.call("GET", "/login/redirect", key="")).status == 404
    assert (await manager.call("GET", "/oidc/callback", key="")).status == 404
