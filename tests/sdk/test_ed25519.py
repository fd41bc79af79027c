"""Standard Webhooks with ed25519 keys (v1a), and its v1 against the official library."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from hub.sdk.ed25519 import is_ed25519, public_of, sign_ed25519, verifies
from hub.sdk.explain import explain
from hub.sdk.sign import sign
from hub.sdk.verify import STANDARD_WEBHOOKS, Refusal, Verified, is_usable, verify

SEED = bytes(range(32))
PRIVATE = b"whsk_" + base64.b64encode(SEED)
PUBLIC = b"whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
SHARED = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type":"quarantine.added"}'
STAMP = 1_700_000_000
VECTOR = "v1a,KIjHa3/SKFizOpxEzKHbTot81PqbmBHBzo64YbTuC/F0nXKfhIUT8EXm4mptoDwW+C9+ssDT+CDdVA+fgO8XDA=="


def signed(*secrets, body=BODY, delivery_id="msg_1"):
    return sign(STANDARD_WEBHOOKS, *secrets, body=body, delivery_id=delivery_id, timestamp_s=STAMP)


def outcome(secrets, headers, body=BODY):
    return verify([STANDARD_WEBHOOKS], secrets, headers, body, float(STAMP))


def code(said):
    return "verified" if isinstance(said, Verified) else said.code


def test_the_vector_is_what_we_sign():
    assert public_of(PRIVATE) == PUBLIC.decode()
    assert signed(PRIVATE)["webhook-signature"] == VECTOR


@pytest.mark.parametrize("key", [PUBLIC, PRIVATE, PUBLIC.rstrip(b"=")], ids=["public", "private", "unpadded"])
def test_the_vector_verifies_with_either_half(key):
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(STAMP), "webhook-signature": VECTOR}

    assert outcome([key], headers) == Verified(
        scheme="standard-webhooks", secret_index=0, delivery_id="msg_1", timestamp_s=STAMP
    )
    assert code(outcome([key], headers, BODY + b" ")) == "signature_mismatch"


def test_cryptography_confirms_what_we_sign():
    version, _, text = signed(PRIVATE)["webhook-signature"].partition(",")

    Ed25519PrivateKey.from_private_bytes(SEED).public_key().verify(
        base64.b64decode(text), b"msg_1.1700000000." + BODY
    )
    assert version == "v1a"


def test_a_private_key_with_its_public_half_is_the_same_key():
    whole = b"whsk_" + base64.b64encode(SEED + base64.b64decode(PUBLIC[5:]))

    assert signed(whole)["webhook-signature"] == VECTOR


@pytest.mark.parametrize(
    "key",
    [
        b"whsk_",
        b"whsk_AAAA",
        b"whsk_no base64",
        b"whsk_" + base64.b64encode(SEED * 2),
        b"whsk_\xff\xfe",
        PUBLIC,
    ],
    ids=["empty", "short", "no base64", "foreign public half", "no ascii", "public"],
)
def test_what_cannot_sign_is_said(key):
    with pytest.raises(ValueError, match="whsk_"):
        signed(key)


def test_a_key_that_is_none_confirms_nothing():
    assert not verifies(b"whpk_AAAA", b"\0" * 64, BODY)
    assert not is_usable(STANDARD_WEBHOOKS, b"whpk_AAAA")
    with pytest.raises(ValueError, match="whpk_"):
        public_of(b"whpk_AAAA")


def test_a_public_key_is_no_hmac_secret():
    """Or anybody who knows the public half could sign."""
    key = base64.b64decode(PUBLIC[5:])
    forged = signed(b"whsec_" + base64.b64encode(key))

    assert code(outcome([PUBLIC], forged)) == "signature_mismatch"


def test_a_rotation_between_kinds_of_secrets_overlaps():
    headers = signed(SHARED, PRIVATE)

    assert [item.partition(",")[0] for item in headers["webhook-signature"].split(" ")] == ["v1", "v1a"]
    assert code(outcome([SHARED], headers)) == "verified"
    assert code(outcome([PUBLIC], headers)) == "verified"
    both = outcome([b"whsec_b3RoZXI=", PUBLIC], headers)
    assert isinstance(both, Verified)
    assert both.secret_index == 1


def test_the_ninth_v1a_is_not_looked_at():
    """Each costs a tenth of a millisecond: a header must not be able to keep a core busy."""
    wrong = "v1a," + base64.b64encode(b"\1" * 64).decode()
    headers = signed(PRIVATE)

    eighth = headers | {"webhook-signature": " ".join([wrong] * 7 + [VECTOR])}
    ninth = headers | {"webhook-signature": " ".join([wrong] * 8 + [VECTOR])}

    assert code(outcome([PUBLIC], eighth)) == "verified"
    assert code(outcome([PUBLIC], ninth)) == "signature_mismatch"


def test_an_id_with_a_dot_is_not_signed():
    with pytest.raises(ValueError, match="without a dot"):
        signed(SHARED, delivery_id="a.b")


def test_the_explanation_knows_public_keys():
    said = explain([STANDARD_WEBHOOKS], [PUBLIC], signed(SHARED), BODY, float(STAMP))

    assert not said.verified
    assert not [hint for hint in said.hints if "base64" in hint]


@pytest.mark.parametrize("body", [b"", b'{"test": 2432232314}', '{"subject":"Grüße"}'.encode()])
def test_the_official_library_takes_what_we_sign(body):
    now = int(datetime.now(UTC).timestamp())
    headers = sign(STANDARD_WEBHOOKS, SHARED, body=body, delivery_id="msg_1", timestamp_s=now)
    theirs = Webhook(SHARED.decode())

    assert (
        theirs.sign("msg_1", datetime.fromtimestamp(now, UTC), body.decode()) == headers["webhook-signature"]
    )
    if body:  # it also parses the body, and an empty one is no JSON
        theirs.verify(body, headers)


@given(st.binary(max_size=300), st.binary(min_size=24, max_size=64), st.binary(min_size=32, max_size=32))
def test_whatever_is_signed_with_both_kinds_verifies_with_either(body, shared, seed):
    secret, key = b"whsec_" + base64.b64encode(shared), b"whsk_" + base64.b64encode(seed)
    headers = signed(secret, key, body=body)

    for live in (secret, key, public_of(key).encode()):
        assert code(outcome([live], headers, body)) == "verified"
        assert code(outcome([live], headers, body + b"x")) == "signature_mismatch"


ITEMS = st.one_of(
    st.from_regex(r"v1a?,[A-Za-z0-9+/=_-]{0,90}", fullmatch=True),
    st.binary(min_size=64, max_size=64).map(lambda raw: "v1a," + base64.b64encode(raw).decode()),
    st.text(max_size=20),
    st.sampled_from(["v1a", "v1a,", "v1a,,", "v1a,=", ",", "v1a,v1a,"]),
)


@given(
    st.lists(ITEMS, max_size=12).map(" ".join),
    st.text(max_size=20),
    st.text(max_size=20),
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.binary(max_size=70).map(lambda raw: b"whpk_" + base64.b64encode(raw)),
            st.binary(max_size=70).map(lambda raw: b"whsk_" + raw),
        ),
        max_size=3,
    ),
)
def test_hostile_headers_and_keys_never_raise(signature, delivery_id, stamp, secrets):
    headers = {"webhook-id": delivery_id, "webhook-timestamp": stamp, "webhook-signature": signature}

    said = outcome(secrets, headers)

    assert isinstance(said, Refusal)
    assert said.message


@given(st.binary(max_size=80))
def test_any_text_is_one_kind_of_secret_or_the_other(secret):
    assert is_ed25519(secret) == (secret[:5] in {b"whsk_", b"whpk_"})


def test_sixty_four_bytes_are_signed():
    assert len(sign_ed25519(PRIVATE, b"")) == 64
