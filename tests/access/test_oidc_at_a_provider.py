"""The whole way at a provider that others wrote, over HTTP: Canaille insists on PKCE and a nonce.

What no honest provider can be brought to say is in `test_oidc.py`.
"""

import time
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from hub.access.oidc import Oidc, OidcRefused, Provider
from hub.sdk.http import Client
from tests.factories.access import VISITOR
from tests.factories.identity_provider import (
    CALLBACK,
    CLIENT,
    ELSEWHERE,
    JO,
    MIXED,
    SECRET,
    IdentityProvider,
    browse,
)

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("access_url", ["sqlite"], indirect=True)]


class Ahead:
    """The wall clock, which the provider goes by, and how far ours is ahead of it."""

    ahead_s = 0

    def __call__(self):
        return time.time_ns() // 1_000_000 + self.ahead_s * 1000


@pytest.fixture(scope="module")
def provider():
    with IdentityProvider() as running:
        yield running


@pytest.fixture
def clock():
    return Ahead()


@pytest.fixture
def described(provider):
    return Provider(issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET, redirect_uri=CALLBACK)


@pytest.fixture
async def client():
    async with Client(deadline_s=30, allow_networks=["127.0.0.0/8"]) as client:
        yield client


@pytest.fixture
def oidc(described, client, access, clock):
    return Oidc(described, client, access, clock_ms=clock)


async def come_back(oidc, begun, back):
    return await oidc.finish(
        code=back["code"], state=back["state"], issuer=back["iss"], binding=begun.binding
    )


async def sign_in(oidc):
    begun = await oidc.begin()
    return await come_back(oidc, begun, await browse(begun.url))


def asking(url, **changed):
    """The address with other parameters; `None` takes one out."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **changed}
    kept = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()


async def test_whom_it_vouches_for_is_known_by_issuer_and_subject(oidc, provider):
    who = await sign_in(oidc)

    assert (who.issuer, who.subject) == (provider.issuer, JO)
    assert (who.email, who.email_verified, who.name) == ("jo@example.com", False, "Jo Doe")


async def test_it_ends_in_a_session_of_the_account_that_is_tied_to_the_identity(
    people, described, client, clock
):
    await people.person(password=None, identity=(described.issuer, JO))
    oidc = Oidc(described, client, people.database, clock_ms=clock)
    done = await people.sign_in.by_identity(await sign_in(oidc), VISITOR)

    assert (await people.sessions.authenticate(done.cookie)).principal.name == "jo@example.com"


async def test_its_answer_names_itself_and_the_state(oidc, provider):
    begun = await oidc.begin()
    back = await browse(begun.url)

    assert back["iss"] == provider.issuer
    assert back["state"] == dict(parse_qsl(urlsplit(begun.url).query))["state"]


async def test_who_does_not_agree_brings_no_code(oidc):
    begun = await oidc.begin()
    back = await browse(asking(begun.url, prompt="consent"), answer="deny")

    assert (back["error"], "code" in back) == ("access_denied", False)


@pytest.mark.parametrize("missing", ["code_challenge", "nonce"])
async def test_it_wants_what_we_send(oidc, missing):
    """So the tests above show that the challenge and the nonce are there and are right."""
    begun = await oidc.begin()
    back = await browse(asking(begun.url, **{missing: None}))

    assert back.get("error") == "invalid_request"


async def test_a_wrong_state_is_refused(oidc):
    begun = await oidc.begin()
    back = await browse(asking(begun.url, state="somebody else's"))

    with pytest.raises(OidcRefused, match="state"):
        await come_back(oidc, begun, back)


async def test_a_token_for_another_nonce_is_refused(oidc):
    begun = await oidc.begin()
    back = await browse(asking(begun.url, nonce="of another sign-in, put there on the way"))

    with pytest.raises(OidcRefused, match="nonce"):
        await come_back(oidc, begun, back)


async def test_a_code_for_another_challenge_is_refused_by_the_provider(oidc):
    begun, other = await oidc.begin(), await oidc.begin()
    challenge = dict(parse_qsl(urlsplit(other.url).query))["code_challenge"]
    back = await browse(asking(begun.url, code_challenge=challenge))

    with pytest.raises(OidcRefused, match="refused the code with status 400"):
        await come_back(oidc, begun, back)


async def test_a_code_that_was_used_is_refused_by_the_provider(oidc):
    begun, again = await oidc.begin(), await oidc.begin()
    back = await browse(begun.url)
    await come_back(oidc, begun, back)
    state = dict(parse_qsl(urlsplit(again.url).query))["state"]

    with pytest.raises(OidcRefused, match="refused the code with status 400"):
        await come_back(oidc, again, back | {"state": state})


async def test_an_answer_that_comes_twice_is_refused(oidc):
    begun = await oidc.begin()
    back = await browse(begun.url)
    await come_back(oidc, begun, back)

    with pytest.raises(OidcRefused, match="used before"):
        await come_back(oidc, begun, back)


async def test_a_sign_in_that_took_too_long_is_refused(oidc, clock):
    begun = await oidc.begin()
    back = await browse(begun.url)
    clock.ahead_s = 601

    with pytest.raises(OidcRefused, match="too old"):
        await come_back(oidc, begun, back)


async def test_a_token_that_has_expired_is_refused(oidc, clock):
    """It lasts two minutes; a minute is forgiven."""
    begun = await oidc.begin()
    back = await browse(begun.url)
    clock.ahead_s = 300

    with pytest.raises(OidcRefused, match=r"ExpiredTokenError"):
        await come_back(oidc, begun, back)


async def test_a_token_for_another_audience_is_refused(described, client, access):
    oidc = Oidc(replace(described, client_id=MIXED), client, access)

    with pytest.raises(OidcRefused, match="aud"):
        await sign_in(oidc)


async def test_a_code_for_another_client_is_refused_by_the_provider(oidc):
    begun = await oidc.begin()
    back = await browse(asking(begun.url, client_id=ELSEWHERE))

    with pytest.raises(OidcRefused, match="refused the code with status 400"):
        await come_back(oidc, begun, back)


async def test_a_wrong_client_secret_is_refused_by_the_provider(described, client, access):
    oidc = Oidc(replace(described, client_secret="another"), client, access)

    with pytest.raises(OidcRefused, match="refused the code with status 40"):
        await sign_in(oidc)


async def test_a_key_that_it_changed_to_is_fetched(provider, oidc, clock):
    await sign_in(oidc)
    begun = await oidc.begin()
    provider.restart()
    clock.ahead_s = 10

    assert (await come_back(oidc, begun, await browse(begun.url))).subject == JO
