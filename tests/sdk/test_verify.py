"""Signatures: published vectors, every form, and nothing hostile ever raises."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.sign import sign
from hub.sdk.verify import STANDARD_WEBHOOKS, Refusal, Scheme, Verified, verify
from hub.sources.mailguard import SPEC as MAILGUARD

NOW = 1_700_000_000.0
BODY = b'{"event":"quarantine.added"}'
SECRET = b"s3cret"
PLAIN = Scheme(name="plain", headers=("x-signature",))
PREFIXED = Scheme(name="prefixed", headers=("x-signature",), prefix="sha256=")
STRIPE = Scheme(name="stripe", headers=("x-signature",), form="t=,v1=", content=("timestamp", "body"))
STAMPED = Scheme(
    name="stamped", headers=("x-signature",), content=("timestamp", "body"), timestamp_header="x-timestamp"
)
WITH_ID = Scheme(
    name="with-id",
    headers=("x-signature",),
    content=("id", "timestamp", "body"),
    id_header="x-id",
    timestamp_header="x-timestamp",
)
SLACK = Scheme(
    name="slack",
    headers=("x-slack-signature",),
    prefix="v0=",
    lead="v0:",
    separator=":",
    content=("timestamp", "body"),
    timestamp_header="x-slack-request-timestamp",
)
ALL = [
    PLAIN,
    PREFIXED,
    replace(PLAIN, encoding="base64"),
    replace(PLAIN, encoding="base64url"),
    replace(PLAIN, algorithm="sha1"),
    replace(PLAIN, algorithm="sha512"),
    STRIPE,
    STAMPED,
    WITH_ID,
    SLACK,
]


def _code(outcome: Verified | Refusal) -> str:
    return "verified" if isinstance(outcome, Verified) else outcome.code


def _sign(scheme: Scheme, body: bytes = BODY, stamp: int = int(NOW)) -> dict[str, str]:
    return sign(scheme, SECRET, body=body, delivery_id="msg_1", timestamp_s=stamp)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ('{"subject":"Grüße"}'.encode(), "v1,6OkM3ct1w1+rsxhAJxddK+VImcDQcCph/jt7SjlLRpY="),
        (b"", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="),
    ],
)
def test_standard_webhooks_vectors(body: bytes, signature: str) -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": signature,
    }
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    outcome = verify([STANDARD_WEBHOOKS], [secret], headers, body, 1614265330.0)

    assert outcome == Verified(
        scheme="standard-webhooks",
        secret_index=0,
        delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp_s=1614265330,
    )


@pytest.mark.parametrize(
    ("secret", "stamp", "body", "signature"),
    [
        (
            b"8f742231b10e8888abcd99yyyzzz85a5",
            "1531420618",
            (
                b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
                b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
                b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
                b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
            ),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        ),
        (
            b"test_signing_secret",
            "1700000000",
            b"payload=%7B%22type%22%3A%22block_actions%22%7D",
            "v0=a52e97fc610c859469c37a0cfa9437d24c50d4df8e4a720e30b3c7480d507da2",
        ),
    ],
)
def test_slack_vectors(secret: bytes, stamp: str, body: bytes, signature: str) -> None:
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}

    assert _code(verify([SLACK], [secret], headers, body, float(stamp))) == "verified"


@pytest.mark.parametrize("scheme", ALL, ids=lambda s: f"{s.name}-{s.encoding}-{s.algorithm}")
def test_what_is_signed_verifies_and_nothing_else_does(scheme: Scheme) -> None:
    headers = _sign(scheme)

    assert _code(verify([scheme], [SECRET], headers, BODY, NOW)) == "verified"
    assert _code(verify([scheme], [SECRET], headers, BODY + b" ", NOW)) == "signature_mismatch"
    assert _code(verify([scheme], [b"other"], headers, BODY, NOW)) == "signature_mismatch"


def test_hex_of_any_case_holds() -> None:
    headers = {"x-signature": _sign(PLAIN)["x-signature"].upper()}

    assert _code(verify([PLAIN], [SECRET], headers, BODY, NOW)) == "verified"


def test_hex_with_white_space_in_it_is_malformed() -> None:
    value = _sign(PLAIN)["x-signature"]

    outcome = verify([PLAIN], [SECRET], {"x-signature": f"{value[:10]} {value[10:]}"}, BODY, NOW)

    assert _code(outcome) == "signature_malformed"


def test_base64_holds_without_its_padding() -> None:
    scheme = replace(PLAIN, encoding="base64")
    headers = {"x-signature": _sign(scheme)["x-signature"].rstrip("=")}

    assert _code(verify([scheme], [SECRET], headers, BODY, NOW)) == "verified"


def test_every_live_secret_is_tried_and_the_match_is_named() -> None:
    outcome = verify([PLAIN], [b"new", SECRET], _sign(PLAIN), BODY, NOW)

    assert isinstance(outcome, Verified)
    assert outcome.secret_index == 1


@pytest.mark.parametrize("scheme", [STRIPE, STANDARD_WEBHOOKS], ids=lambda s: s.name)
def test_any_of_several_signatures_may_be_the_right_one(scheme: Scheme) -> None:
    old, new = b"whsec_b2xk", b"whsec_bmV3"
    headers = sign(scheme, old, new, body=BODY, delivery_id="msg_1", timestamp_s=int(NOW))

    assert _code(verify([scheme], [new], headers, BODY, NOW)) == "verified"
    assert _code(verify([scheme], [old], headers, BODY, NOW)) == "verified"


def test_unknown_versions_are_skipped() -> None:
    headers = sign(STANDARD_WEBHOOKS, b"whsec_c2VjcmV0", body=BODY, delivery_id="m", timestamp_s=int(NOW))
    headers["webhook-signature"] = "v1a,AAAA v9 ,, v1, " + headers["webhook-signature"]

    assert _code(verify([STANDARD_WEBHOOKS], [b"whsec_c2VjcmV0"], headers, BODY, NOW)) == "verified"


def test_only_unknown_versions_are_malformed() -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": "1700000000", "webhook-signature": "v1a,AAAA"}

    assert _code(verify([STANDARD_WEBHOOKS], [SECRET], headers, BODY, NOW)) == "signature_malformed"


@pytest.mark.parametrize("scheme", [STRIPE, STAMPED, SLACK, WITH_ID], ids=lambda s: s.name)
@pytest.mark.parametrize(
    ("age", "code"), [(300, "verified"), (-300, "verified"), (301, "timestamp_outside_tolerance")]
)
def test_replay_window_is_bounded_both_ways(scheme: Scheme, age: int, code: str) -> None:
    headers = _sign(scheme)

    assert _code(verify([scheme], [SECRET], headers, BODY, NOW + age)) == code
    assert _code(verify([scheme], [SECRET], headers, BODY, NOW - age)) == code


def test_an_altered_timestamp_is_a_mismatch() -> None:
    headers = _sign(STAMPED) | {"x-timestamp": str(int(NOW) + 1)}

    assert _code(verify([STAMPED], [SECRET], headers, BODY, NOW)) == "signature_mismatch"


@pytest.mark.parametrize(
    ("stamp", "code"),
    [
        ("", "timestamp_missing"),
        ("1700000000.5", "timestamp_malformed"),
        ("-1700000000", "timestamp_malformed"),
        ("1_700_000_000", "timestamp_malformed"),
        ("١٧٠٠٠٠٠٠٠٠", "timestamp_malformed"),
        ("9" * 5000, "timestamp_malformed"),
    ],
)
def test_bad_timestamps_are_refused_by_name(stamp: str, code: str) -> None:
    headers = _sign(STAMPED) | {"x-timestamp": stamp}

    assert _code(verify([STAMPED], [SECRET], headers, BODY, NOW)) == code


def test_a_delivery_id_with_a_dot_is_refused() -> None:
    """`a.1` + `2.body` and `a` + `1.2.body` would be the same signed bytes."""
    key = hmac.new(SECRET, b"a.1.1700000000." + BODY, hashlib.sha256).hexdigest()
    headers = {"x-signature": key, "x-id": "a.1", "x-timestamp": "1700000000"}

    assert _code(verify([WITH_ID], [SECRET], headers, BODY, NOW)) == "signature_malformed"


def test_an_empty_secret_never_matches() -> None:
    headers = {"x-signature": hmac.new(b"", BODY, hashlib.sha256).hexdigest()}

    assert _code(verify([PLAIN], [b""], headers, BODY, NOW)) == "signature_mismatch"


def test_a_secret_that_is_no_base64_never_matches_where_one_is_wanted() -> None:
    headers = sign(STANDARD_WEBHOOKS, b"whsec_c2VjcmV0", body=BODY, delivery_id="m", timestamp_s=int(NOW))

    assert _code(verify([STANDARD_WEBHOOKS], [b"no base64!"], headers, BODY, NOW)) == "signature_mismatch"


@pytest.mark.parametrize("schemes", [[], [PLAIN]])
def test_without_a_signature_nothing_is_verified(schemes: list[Scheme]) -> None:
    assert _code(verify(schemes, [SECRET], {}, BODY, NOW)) == "signature_missing"


def test_the_refusal_that_came_furthest_is_told() -> None:
    headers = _sign(STRIPE, stamp=int(NOW) - 1000)

    assert (
        _code(verify([PLAIN, STRIPE, PREFIXED], [SECRET], headers, BODY, NOW))
        == "timestamp_outside_tolerance"
    )


@pytest.mark.parametrize(
    "header", ["x-mailguard-signature", "x-nmg-signature", "x-signature", "x-hub-signature-256"]
)
@pytest.mark.parametrize("form", ["{hex}", "{HEX}", "sha256={hex}", "v1={hex}", "{b64}", "{b64url}"])
def test_mailguard_takes_what_its_page_leaves_open(header: str, form: str) -> None:
    digest = hmac.new(SECRET, BODY, hashlib.sha256).digest()
    value = form.format(
        hex=digest.hex(),
        HEX=digest.hex().upper(),
        b64=base64.b64encode(digest).decode(),
        b64url=base64.urlsafe_b64encode(digest).decode(),
    )

    assert _code(verify(MAILGUARD.schemes, [SECRET], {header: value}, BODY, NOW)) == "verified"


HEADER_NAMES = sorted(
    {name for s in [*ALL, STANDARD_WEBHOOKS] for name in (*s.headers, s.id_header, s.timestamp_header)}
)
VALUES = st.one_of(
    st.text(max_size=80),
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(
        ["v1,", "v1,=", "t=,v1=", "t=1,t=2,v1=00", "sha256=", "v1,a,b", ",", " ", "v1 v1", "=" * 70]
    ),
    st.from_regex(r"(sha256=|v1,|v0=|t=\d{1,20},v1=)?[0-9a-fA-F+/=_-]{0,90}", fullmatch=True),
)


@given(
    st.dictionaries(st.sampled_from(HEADER_NAMES), VALUES),
    st.binary(max_size=50),
    st.lists(st.binary(max_size=40)),
)
def test_hostile_headers_are_refused_and_never_raise(
    headers: dict[str, str], body: bytes, secrets: list[bytes]
) -> None:
    outcome = verify([*ALL, STANDARD_WEBHOOKS, *MAILGUARD.schemes], secrets, headers, body, NOW)

    assert isinstance(outcome, Refusal)
    assert outcome.message


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=80), st.sampled_from(ALL))
def test_whatever_is_signed_verifies(body: bytes, secret: bytes, scheme: Scheme) -> None:
    headers = sign(scheme, secret, body=body, delivery_id="msg_1", timestamp_s=int(NOW))

    assert _code(verify([scheme], [b"other", secret], headers, body, NOW)) == "verified"


def test_signing_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match="give timestamp_s"):
        sign(STAMPED, SECRET, body=BODY)
    with pytest.raises(ValueError, match="give delivery_id"):
        sign(WITH_ID, SECRET, body=BODY, timestamp_s=1)
    with pytest.raises(ValueError, match="room for one signature"):
        sign(PLAIN, SECRET, b"other", body=BODY)
    with pytest.raises(ValueError, match="cannot use this secret"):
        sign(STANDARD_WEBHOOKS, b"no base64!", body=BODY, delivery_id="m", timestamp_s=1)
