from email import message_from_bytes

import pytest

from core.engine.policy import DomainPolicy, HeaderNames
from core.engine.stamp import stamp
from core.engine.verdict import Thresholds
from tests.factories.core import raw_mail
from tests.factories.engine import scanned

OURS = [("Authentication-Results", "mx.acme.example;\r\n\tspf=none"), ("X-Spam-Score", "1.00")]


def stamped(raw, prefix=""):
    return stamp(raw, OURS, "mx.acme.example", HeaderNames(), prefix)


@pytest.mark.parametrize(
    "forged",
    [
        "X-Spam-Score: -99",
        "x-spam-flag : NO",
        "X-Spam-Symbols: none,\r\n\tmore",
        "Authentication-Results: mx.acme.example; spf=pass",
        "authentication-results: (hello)\r\n MX.acme.example 1;\r\n\tdkim=pass header.d=bank.example",
        'Authentication-Results: "mx.acme.example"; dmarc=pass',
    ],
)
def test_headers_that_claim_to_be_ours_are_taken_out(forged):
    raw = raw_mail()
    at = raw.index(b"Subject:")

    assert stamped(raw[:at] + forged.encode() + b"\r\n" + raw[at:]) == stamped(raw)


def test_the_results_of_other_hosts_stay():
    raw = b"Authentication-Results: mx.acme.example.evil.net; spf=pass\r\n" + raw_mail()

    assert stamped(raw).endswith(raw)


def test_line_ends_are_those_of_the_message():
    raw = raw_mail().replace(b"\r\n", b"\n")

    assert b"\r" not in stamped(raw)
    assert stamped(raw).endswith(raw)


@pytest.mark.parametrize(
    "raw",
    [b"", b"no header at all", b" folded\r\nSubject: a\r\n\r\nb", b"\r\nbody", b"Subject: a", b"\tx: y\n\n"],
)
def test_what_comes_first_in_a_message_never_becomes_part_of_our_headers(raw):
    marked = message_from_bytes(stamped(raw))

    assert marked["X-Spam-Score"] == "1.00"
    assert marked["Authentication-Results"] == "mx.acme.example;\r\n\tspf=none".replace(
        "\r", "" if b"\r" not in stamped(raw) else "\r"
    )
    assert stamped(raw).endswith(raw)


def test_the_prefix_goes_before_the_first_subject_only():
    raw = b"Subject: one\r\nsubject:two\r\n\r\nSubject: three\r\n"

    assert stamped(raw, "[SPAM]").endswith(b"Subject: [SPAM] one\r\nsubject:two\r\n\r\nSubject: three\r\n")


@pytest.mark.parametrize(
    ("action", "fate", "subject"),
    [("tag", "tag", "[SPAM] Lunch"), ("tag", "deliver", "Lunch"), ("flag", "tag", "Lunch")],
)
async def test_the_subject_is_marked_where_the_policy_says_tag(action, fate, subject):
    policy = DomainPolicy(action=action, subject_prefix="[SPAM]")
    raw = raw_mail(Subject="Lunch")
    verdict = await scanned(raw, policy=policy)

    assert message_from_bytes(verdict.stamped(raw, fate))["Subject"] == subject


async def test_a_domain_names_its_own_headers():
    names = HeaderNames(flag="X-Junk", flag_value="indeed", score="", status="", symbols="X-Why")
    policy = DomainPolicy(headers=names, thresholds=Thresholds(tag=1))
    verdict = await scanned(raw_mail("guaranteed income\r\n"), policy=policy)

    assert verdict.headers("tag")[1:] == (("X-Junk", "indeed"), ("X-Why", "MONEY_PHRASES"))
    assert verdict.headers("deliver")[1:] == (("X-Why", "MONEY_PHRASES"),)
