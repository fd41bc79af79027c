"""Signing in through the API's own routes at a provider that others wrote."""

import time
from contextlib import AsyncExitStack

import pytest

from core.api.app import create_app
from core.api.oidc import BINDING
from tests.factories.core_api import make_core, serve
from tests.factories.core_people import Browser, cookie_of, person
from tests.factories.identity_provider import CALLBACK, CLIENT, JO, SECRET, IdentityProvider, browse

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def provider():
    with IdentityProvider() as running:
        yield running


@pytest.fixture
async def api(database, buckets, tmp_path, provider):
    given = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uri": CALLBACK,
    }
    async with AsyncExitStack() as stack:
        core = await make_core(
            database, buckets, tmp_path / "core", stack, oidc=given, allow_networks=("127.0.0.0/8",)
        )
        core.clock.now_ms = time.time_ns() // 1_000_000  # the provider goes by this one
        yield await stack.enter_async_context(serve(core, create_app(core)))


async def begun(api):
    """What the provider sends the browser back with, and the browser's cookie."""
    said = await api.call("GET", "/sessions/oidc", key="", allow_redirects=False)
    assert said.status == 303
    back = await browse(said.headers["Location"])
    return back, {"Cookie": f"{BINDING}={cookie_of(said, BINDING)}"}


async def come_back(api, query, headers):
    return await api.call("GET", "/sessions/oidc/callback", key="", params=query, headers=headers)


async def test_whom_it_vouches_for_is_signed_in(api, provider):
    await person(api, password=None, identity=(provider.issuer, JO))
    said = await come_back(api, *await begun(api))

    assert (said.status, said.data["state"]) == (200, "signed_in")
    me = await Browser(api, cookie_of(said)).call("GET", "/me")
    assert (me.data["account"]["login"], me.data["account"]["issuer"]) == (
        "jo@example.com",
        provider.issuer,
    )


async def test_an_address_that_it_does_not_say_to_have_verified_ties_no_account(api):
    """Canaille tells addresses without `email_verified`: anybody may have entered them there."""
    await person(api, password=None)
    said = await come_back(api, *await begun(api))

    assert (said.status, said.error["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("broken", ["state", "code", "binding", "again"])
async def test_what_does_not_belong_to_this_browser_s_sign_in_is_refused(api, provider, broken):
    await person(api, password=None, identity=(provider.issuer, JO))
    query, headers = await begun(api)
    if broken in query:
        query[broken] = "other"
    elif broken == "binding":
        headers = {}
    else:
        assert (await come_back(api, query, headers)).status == 200
    said = await come_back(api, query, headers)

    assert (said.status, said.error["code"]) == (401, "UNAUTHORIZED")
    assert "Set-Cookie" not in said.headers


async def test_who_does_not_agree_at_the_provider_is_not_signed_in(api):
    said = await api.call("GET", "/sessions/oidc", key="", allow_redirects=False)
    back = await browse(said.headers["Location"] + "&prompt=consent", answer="deny")
    said = await come_back(api, back, {"Cookie": f"{BINDING}={cookie_of(said, BINDING)}"})

    assert (back["error"], said.status, said.error["code"]) == ("access_denied", 401, "UNAUTHORIZED")
