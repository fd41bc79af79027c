"""Signing in at a provider that says what a test wants; a real one: `test_oidc_at_a_provider.py`."""

from contextlib import AsyncExitStack

import pytest

from core.api.app import create_app
from core.api.oidc import BINDING
from tests.factories.core_api import make_core, serve
from tests.factories.core_people import Browser, cookie_of, enrolled, person, signed_in
from tests.factories.oidc import LocalProvider


@pytest.fixture
async def make(database, buckets, tmp_path):
    """API and provider, with more of the configuration if wanted."""
    async with AsyncExitStack() as stack:

        async def made(**config):
            provider = LocalProvider(lambda: core.clock())  # noqa: PLW0108 - it is made below
            await stack.enter_async_context(provider)
            given = {
                "issuer": provider.issuer,
                "client_id": provider.client_id,
                "client_secret": provider.client_secret,
                "redirect_uri": "https://mail.example/api/v1/sessions/oidc/callback",
            }
            core = await make_core(
                database,
                buckets,
                tmp_path / "core",
                stack,
                oidc=given,
                allow_networks=("127.0.0.0/8",),
                **config,
            )
            return await stack.enter_async_context(serve(core, create_app(core))), provider

        yield made


async def begun(api, provider):
    """What the provider sends the browser back with, and the browser's cookie."""
    said = await api.call("GET", "/sessions/oidc", key="", allow_redirects=False)
    assert said.status == 303
    return provider.sign_in(said.headers["Location"]), {"Cookie": f"{BINDING}={cookie_of(said, BINDING)}"}


async def back(api, query, headers):
    return await api.call(
        "GET", "/sessions/oidc/callback", key="", params=query, headers=headers, allow_redirects=False
    )


async def test_whom_the_provider_vouches_for_is_signed_in(make):
    api, provider = await make()
    await person(api, password=None)
    said = await back(api, *await begun(api, provider))

    assert (said.status, said.data["state"]) == (200, "signed_in")
    me = await Browser(api, cookie_of(said)).call("GET", "/me")
    assert me.data["account"]["issuer"] == provider.issuer


async def test_the_browser_goes_on_to_the_console(make):
    api, provider = await make(console_url="https://console.example/")
    await person(api, password=None)
    said = await back(api, *await begun(api, provider))

    assert (said.status, said.headers["Location"]) == (303, "https://console.example/")
    assert cookie_of(said)


async def test_a_provider_s_own_parameters_do_no_harm(make):
    api, provider = await make()
    await person(api, password=None)
    query, headers = await begun(api, provider)

    assert (await back(api, {**query, "session_state": "x"}, headers)).status == 200


async def test_a_second_factor_is_asked_for_here_too(make):
    api, provider = await make()
    await person(api)
    await enrolled(await signed_in(api))
    said = await back(api, *await begun(api, provider))

    assert (said.data["state"], "Set-Cookie" in said.headers) == ("second_factor", False)


async def test_nobody_without_an_account_gets_in(make):
    api, provider = await make()
    said = await back(api, *await begun(api, provider))

    assert (said.status, said.error["code"]) == (401, "UNAUTHORIZED")


async def test_a_provider_that_is_away_is_502(make):
    api, provider = await make()
    await provider.__aexit__()
    said = await api.call("GET", "/sessions/oidc", key="", allow_redirects=False)

    assert (said.status, said.error["code"]) == (502, "UPSTREAM_ERROR")
