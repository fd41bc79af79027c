"""What no honest provider says: forged tokens, other issuers, broken documents; and what needs its word on an
address. The whole way at a real one is in `test_oidc_at_a_provider.py`.
"""

import base64
import json
from dataclasses import replace

import pytest

from hub.access.oidc import Oidc, OidcRefused, Provider, ProviderDown
from hub.sdk.http import Client
from tests.factories.access import VISITOR, Clock
from tests.factories.oidc import LocalProvider, signing_key

LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def local(clock):
    async with LocalProvider(clock) as provider:
        yield provider


@pytest.fixture
async def client():
    async with Client(deadline_s=30, allow_networks=LOOPBACK) as client:
        yield client


def described(local):
    return Provider(
        issuer=local.issuer,
        client_id=local.client_id,
        client_secret=local.client_secret,
        redirect_uri="https://hub.example/api/v1/sessions/oidc/callback",
    )


@pytest.fixture
def oidc(local, client, access, clock):
    return Oidc(described(local), client, access, clock_ms=clock)


async def sign_in(oidc, local, **changed):
    begun = await oidc.begin()
    return await oidc.finish(**{**local.sign_in(begun.url), "binding": begun.binding, **changed})


async def test_an_address_that_the_provider_says_to_have_verified_is_told_so(oidc, local):
    who = await sign_in(oidc, local)

    assert (who.email, who.email_verified) == ("jo@example.com", True)


async def test_a_secret_in_the_body_works_where_the_provider_takes_only_that(client, access, clock):
    async with LocalProvider(clock, basic=False) as local:
        assert (
            await sign_in(Oidc(described(local), client, access, clock_ms=clock), local)
        ).subject == "sub-1"


async def test_a_verified_address_ends_in_a_session_of_its_account(people, client):
    await people.person()
    async with LocalProvider(people.clock) as local:
        oidc = Oidc(described(local), client, people.database, clock_ms=people.clock)
        done = await people.sign_in.by_identity(await sign_in(oidc, local), VISITOR)

    assert (await people.sessions.authenticate(done.cookie)).principal.name == "jo@example.com"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody else"},
        {"aud": ["mx hub", "other"], "azp": "other"},
        {"aud": ["mx hub", "other"]},
        {"azp": "other"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_799_999_000},
        {"exp": None},
        {"exp": "soon"},
        {"iat": 1_800_009_999},
        {"iat": None},
        {"nbf": 1_800_009_999},
        {"sub": None},
        {"sub": 7},
    ],
    ids=str,
)
async def test_a_token_with_a_claim_that_does_not_hold_is_refused(oidc, local, claims):
    local.claims = claims

    with pytest.raises(OidcRefused):
        await sign_in(oidc, local)


async def test_a_token_for_several_that_was_issued_to_us_is_taken(oidc, local):
    local.claims = {"aud": ["other", "mx hub"], "azp": "mx hub"}

    assert (await sign_in(oidc, local)).subject == "sub-1"


async def test_a_token_that_another_key_signed_is_refused(oidc, local):
    local.signer = signing_key("first", 2)

    with pytest.raises(OidcRefused):
        await sign_in(oidc, local)


async def test_the_public_key_is_no_shared_secret(oidc, local):
    local.shared = local.keys[0].as_pem(private=False)

    with pytest.raises(OidcRefused):
        await sign_in(oidc, local)


async def test_a_symmetric_key_among_the_published_ones_signs_nothing(oidc, local):
    local.shared = b"published secret"

    with pytest.raises(OidcRefused):
        await sign_in(oidc, local)


def unsigned():
    parts = ({"alg": "none"}, {"sub": "sub-1"})
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


@pytest.mark.parametrize(
    "token", [unsigned() + ".", "", "a.b.c", "....", "é.é.é", "x" * 100_000, "e30.e30.e30"]
)
async def test_what_is_no_signed_token_is_refused(oidc, local, token):
    local.token = token

    with pytest.raises(OidcRefused):
        await sign_in(oidc, local)


async def test_a_key_that_was_withdrawn_is_not_believed_after_the_next_look(oidc, local, clock):
    await sign_in(oidc, local)
    withdrawn = local.keys[0]
    local.rotate("second")
    clock.pass_s(3_600)
    local.signer = withdrawn

    with pytest.raises(OidcRefused):
        await sign_in(oidc, local)


async def test_unknown_key_ids_do_not_make_us_ask_again_and_again(oidc, local):
    await sign_in(oidc, local)
    local.signer = signing_key("made up")
    for _ in range(5):
        with pytest.raises(OidcRefused):
            await sign_in(oidc, local)

    assert local.asked.count("jwks") == 1


async def test_a_made_up_state_is_refused_before_anything_is_sent(oidc, local):
    with pytest.raises(OidcRefused):
        await sign_in(oidc, local, state="made up")
    assert "token" not in local.asked


async def test_another_browser_cannot_finish_a_sign_in(oidc, local):
    with pytest.raises(OidcRefused, match="another browser"):
        await sign_in(oidc, local, binding="of another browser")
    assert "token" not in local.asked


async def test_an_answer_that_names_another_issuer_is_refused(oidc, local):
    with pytest.raises(OidcRefused, match="another issuer"):
        await sign_in(oidc, local, issuer="https://evil.example")


async def test_a_state_of_one_provider_is_not_anothers(oidc, local, client, access, clock):
    async with LocalProvider(clock) as other:
        begun = await oidc.begin()
        with pytest.raises(OidcRefused):
            await Oidc(described(other), client, access, clock_ms=clock).finish(
                **local.sign_in(begun.url), binding=begun.binding
            )


async def test_the_address_guard_holds(local, access, clock):
    async with Client(deadline_s=30) as guarded:
        with pytest.raises(ProviderDown, match=r"127\.0\.0\.1"):
            await Oidc(described(local), guarded, access, clock_ms=clock).begin()
    assert local.asked == []


async def test_a_provider_that_describes_another_issuer_is_not_believed(client, access, clock):
    async with LocalProvider(clock, issuer="https://evil.example") as local:
        with pytest.raises(ProviderDown, match="another issuer"):
            await Oidc(described(local), client, access, clock_ms=clock).begin()


async def test_a_provider_that_is_away_is_said_to_be(local, client, access, clock):
    gone = replace(described(local), issuer="http://127.0.0.1:9")

    with pytest.raises(ProviderDown):
        await Oidc(gone, client, access, clock_ms=clock).begin()


def test_the_client_secret_is_in_no_repr(local):
    assert local.client_secret not in repr(described(local))
