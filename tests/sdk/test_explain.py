"""`mxhub verify`: each near miss is found and named."""

import base64
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sdk.explain import explain
from hub.sdk.sign import sign
from hub.sdk.verify import STANDARD_WEBHOOKS, Scheme

NOW = 1_700_000_000.0
BODY = b'{"event": "quarantine.added"}'
SECRET = b"whsec_c2VjcmV0"
PREFIXED = Scheme(name="prefixed", headers=("x-signature",), prefix="sha256=")
STAMPED = Scheme(
    name="stamped", headers=("x-signature",), content=("timestamp", "body"), timestamp_header="x-timestamp"
)


def _digest(body: bytes = BODY, key: bytes = SECRET, algorithm: str = "sha256") -> bytes:
    return hmac.new(key, body, algorithm).digest()


def _hints(scheme: Scheme, headers: dict[str, str], body: bytes = BODY, secret: bytes = SECRET) -> str:
    found = explain([scheme], [secret], headers, body, NOW)

    assert not found.verified
    return "\n".join(found.hints)


def test_a_good_signature_needs_no_hint() -> None:
    found = explain([PREFIXED], [SECRET], {"X-Signature": "sha256=" + _digest().hex()}, BODY, NOW)

    assert found.verified
    assert found.hints == ()
    assert found.trials[0].detail == "secret 1 of 1"


def test_every_scheme_tried_is_listed_with_its_refusal() -> None:
    found = explain([PREFIXED, STANDARD_WEBHOOKS], [SECRET], {"x-signature": "sha256=00"}, BODY, NOW)

    assert [(t.scheme, t.outcome) for t in found.trials] == [
        ("prefixed", "signature_malformed"),
        ("standard-webhooks", "signature_missing"),
    ]


def test_a_missing_prefix_is_named() -> None:
    hints = _hints(PREFIXED, {"x-signature": _digest().hex()})

    assert "lacks the prefix 'sha256='" in hints
    assert "header x-signature (hex) holds HMAC-SHA256 with secret 1 over the body" in hints


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (base64.b64encode(_digest()).decode(), "base64"),
        (base64.urlsafe_b64encode(_digest()).decode(), "base64url"),
    ],
)
def test_another_encoding_is_named(text: str, encoding: str) -> None:
    assert f"({encoding}" in _hints(PREFIXED, {"x-signature": text})


def test_another_header_is_named() -> None:
    hints = _hints(PREFIXED, {"X-Vendor-Signature": "sha256=" + _digest().hex()})

    assert "header x-vendor-signature (hex, after 'sha256=')" in hints
    assert "x-vendor-signature is: set `signature.headers`" in hints


def test_another_algorithm_is_named() -> None:
    assert "HMAC-SHA1 with secret 1 over the body" in _hints(
        PREFIXED, {"x-signature": _digest(algorithm="sha1").hex()}
    )


@pytest.mark.parametrize(
    ("signed", "received", "hint"),
    [
        (BODY, BODY + b"\n", "without its trailing newline"),
        (BODY + b"\n", BODY, "with a newline at its end"),
        (b'{"event":"quarantine.added"}', BODY, "as compact JSON"),
        (BODY, b'{"event":"quarantine.added"}', "re-serialised on the way"),
    ],
)
def test_a_changed_body_is_named(signed: bytes, received: bytes, hint: str) -> None:
    hints = _hints(PREFIXED, {"x-signature": "sha256=" + _digest(signed).hex()}, received)

    assert hint in hints


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        (b"secret", "decoded from base64"),
        (b"c2VjcmV0", "without its prefix whsec_"),
        (SECRET, "taken as text"),
    ],
)
def test_another_reading_of_the_secret_is_named(key: bytes, hint: str) -> None:
    scheme = PREFIXED if key != SECRET else STANDARD_WEBHOOKS
    if scheme is PREFIXED:
        headers = {"x-signature": "sha256=" + _digest(key=key).hex()}
    else:
        value = base64.b64encode(_digest(b"m.1700000000." + BODY)).decode()
        headers = {"webhook-id": "m", "webhook-timestamp": "1700000000", "webhook-signature": f"v1,{value}"}

    assert hint in _hints(scheme, headers)


def test_a_secret_with_a_newline_is_named() -> None:
    hints = _hints(PREFIXED, {"x-signature": "sha256=" + _digest(key=b"abc").hex()}, secret=b"abc\n")

    assert "without white space around it" in hints
    assert "trailing newline in its file" in hints


def test_a_timestamp_in_milliseconds_is_named() -> None:
    headers = sign(STAMPED, SECRET, body=BODY, timestamp_s=int(NOW * 1000))

    assert "in milliseconds" in _hints(STAMPED, headers)


def test_how_far_outside_the_window_is_said() -> None:
    headers = sign(STAMPED, SECRET, body=BODY, timestamp_s=int(NOW) - 360)

    assert "360 s old, 60 s too much" in _hints(STAMPED, headers)


def test_another_signed_content_is_named() -> None:
    headers = sign(STAMPED, SECRET, body=BODY, timestamp_s=int(NOW))

    assert "over timestamp.body" in _hints(PREFIXED, headers)


def test_without_any_signature_the_vendor_and_the_proxy_are_suspected() -> None:
    assert "is a secret set at the vendor?" in _hints(PREFIXED, {"content-type": "application/json"})


def test_a_wrong_secret_is_said_plainly() -> None:
    assert "the secret differs" in _hints(PREFIXED, {"x-signature": "sha256=" + _digest(key=b"else").hex()})


@settings(max_examples=30)
@given(
    st.dictionaries(st.text(max_size=20), st.text(st.characters(codec=None), max_size=80)),
    st.binary(max_size=40),
)
def test_hostile_requests_are_explained_and_never_raise(headers: dict[str, str], body: bytes) -> None:
    found = explain([PREFIXED, STAMPED, STANDARD_WEBHOOKS], [SECRET, b""], headers, body, NOW)

    assert not found.verified
    assert found.hints
