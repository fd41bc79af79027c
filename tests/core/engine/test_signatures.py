import time

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dns.answers import Answer
from core.engine.signatures import MAX_SIGNATURES, find_signatures, verify
from tests.factories.core import raw_mail
from tests.factories.engine import rsa_pair


@pytest.fixture
def pair():
    return rsa_pair()


def signed(pem, raw=None, domain=b"partner.example", **options):
    message = raw_mail("See  you \t at noon. \r\n\r\nJonas\r\n\r\n\r\n") if raw is None else raw
    return dkim.sign(message, b"s1", domain, pem, **options) + message


def checked(raw, answer):
    signatures = find_signatures(raw)
    keys = {one.key_name: answer for one in signatures}
    return [(one.result, one.domain) for one in verify(raw, signatures, keys)]


def found(record):
    return Answer(state="found", values=(record,))


@pytest.mark.parametrize("header", [b"relaxed", b"simple"])
@pytest.mark.parametrize("body", [b"relaxed", b"simple"])
def test_what_was_signed_verifies(pair, header, body):
    raw = signed(pair[0], canonicalize=(header, body))

    assert checked(raw, found(pair[1])) == [("pass", "partner.example")]


@pytest.mark.parametrize("length", [True, False])
def test_a_signed_length_covers_the_beginning_only(pair, length):
    raw = signed(pair[0], length=length) + b"added\r\n"

    assert checked(raw, found(pair[1])) == [("pass" if length else "fail", "partner.example")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"at noon", b"at nine"),
        (b"Lunch on Thursday?", b"Lunch on Friday?"),
        (b"jonas@partner", b"anna@partner"),
    ],
)
def test_a_changed_message_fails(pair, before, after):
    raw = signed(pair[0])

    assert before in raw
    assert checked(raw.replace(before, after), found(pair[1])) == [("fail", "partner.example")]


def test_white_space_that_relaxed_leaves_out_may_change(pair):
    raw = signed(pair[0], canonicalize=(b"relaxed", b"relaxed"))

    assert checked(raw.replace(b"See  you \t at", b"See you at"), found(pair[1]))[0][0] == "pass"
    assert checked(raw.replace(b"noon. \r\n", b"noon.\r\n"), found(pair[1]))[0][0] == "pass"
    assert checked(raw.replace(b"See  you", b"Seeyou"), found(pair[1]))[0][0] == "fail"


def test_bare_line_feeds_are_the_same_message(pair):
    raw = signed(pair[0], canonicalize=(b"relaxed", b"relaxed"))

    assert checked(raw.replace(b"\r\n", b"\n"), found(pair[1]))[0][0] == "pass"


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Answer(state="failed"), "temperror"),
        (Answer(state="absent"), "permerror"),
        (Answer(state="empty"), "permerror"),
        (found("v=DKIM1; p="), "permerror"),
        (found("v=DKIM1; k=rsa; p=%%%"), "permerror"),
        (found("v=DKIM2; p=AAAA"), "permerror"),
        (found("hello"), "permerror"),
        (found("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), "neutral"),
    ],
)
def test_trouble_with_the_key_is_told_from_a_bad_signature(pair, answer, result):
    assert checked(signed(pair[0]), answer) == [(result, "partner.example")]


def test_a_key_that_is_too_short_proves_nothing(pair, monkeypatch):
    monkeypatch.setattr("core.engine.signatures.MIN_KEY_BITS", 4096)

    assert checked(signed(pair[0]), found(pair[1])) == [("permerror", "partner.example")]


def test_each_signature_is_judged_by_itself(pair):
    raw = signed(pair[0], signed(pair[0], domain=b"list.example"))

    assert checked(raw, found(pair[1])) == [("pass", "partner.example"), ("pass", "list.example")]


def test_only_the_first_signatures_are_looked_at():
    raw = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==\r\n" * 50 + raw_mail()
    )

    assert len(find_signatures(raw)) == MAX_SIGNATURES


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b";;;",
        b"v=1",
        b"d=a.example; d=b.example; s=s",
        b"d=; s=s",
        b"d=a.example; s=../../x",
        b"d=a.example; s=a\x00b",
        b"d=" + b"a." * 5000 + b"; s=s",
        b"d=a.example; s=s; b=" + b"A" * 9000,
        b"v=1; a=md5; d=a.example; s=s; h=from; bh=AA==; b=AA==",
        b"v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==; l=99999999999999999999",
        b"v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==; x=1",
        b"v=1; a=rsa-sha256; c=what/ever; d=a.example; s=s; h=from; bh=AA==; b=AA==",
        b"v=1; a=rsa-sha256; d=a.example; s=s; h=subject; bh=%%; b=%%",
    ],
)
def test_a_broken_signature_is_no_pass(pair, value):
    raw = b"DKIM-Signature: " + value + b"\r\n" + raw_mail()

    assert {result for result, _ in checked(raw, found(pair[1]))} <= {"fail", "permerror"}


TAGS = st.dictionaries(
    st.sampled_from(["v", "a", "c", "d", "s", "h", "bh", "b", "l", "t", "x", "i", "q"]),
    st.sampled_from(
        ["1", "rsa-sha256", "relaxed/relaxed", "a.example", "from : to", "AAAA", "", "=", "-1", "@a.example"]
    ),
)


@given(
    st.one_of(
        st.binary(max_size=300),
        TAGS.map(lambda tags: "; ".join(f"{k}={v}" for k, v in tags.items()).encode()),
    )
)
def test_no_signature_breaks_the_check(value):
    raw = b"DKIM-Signature: " + value + b"\r\n" + raw_mail()

    assert all(result in {"fail", "permerror"} for result, _ in checked(raw, found("v=DKIM1; p=AAAA")))


@pytest.mark.parametrize(
    "raw",
    [
        raw_mail(" " * 2_000_000),
        raw_mail(" \t" * 500_000 + "x\r\n"),
        raw_mail("\r\n" * 2_000_000),
        raw_mail((" " * 4000 + "x") * 500),
        b"Subject: a\r\n" + b" b\r\n" * 60_000 + raw_mail(),
        b"X: y\r\n" * 900 + raw_mail(),
    ],
    ids=["spaces", "tabs", "lines", "runs", "folds", "headers"],
)
@pytest.mark.parametrize("canon", ["relaxed/relaxed", "simple/simple"])
def test_a_hostile_message_is_checked_in_linear_time(pair, raw, canon):
    names = ":".join(["from", "subject", "x"] * 300)
    head = f"DKIM-Signature: v=1; a=rsa-sha256; c={canon}; d=a.example; s=s; h={names}; bh=AAAA; b=AAAA\r\n"
    began = time.process_time()
    results = checked(head.encode() + raw, found(pair[1]))

    assert results[0][0] in {"fail", "permerror"}
    assert time.process_time() - began < 5.0
