import pytest

from core.engine.rules import Context
from core.engine.verdict import Thresholds
from tests.factories.core import CONTEXT, NOW, OWN, html_mail, mail, raw_mail
from tests.factories.rules import judge

PHISH = html_mail(
    '<p>Please verify your account <a href="http://198.51.100.7/x">https://www.paypal.example/</a></p>',
    From='"PayPal" <service@secure.top>',
)


def test_an_ordinary_message_is_delivered():
    verdict = judge(mail(), CONTEXT, Thresholds())

    assert (verdict.action, verdict.score, verdict.symbols) == ("deliver", 0.0, ())


def test_a_phishing_message_is_held_as_phishing():
    verdict = judge(mail(PHISH), CONTEXT, Thresholds())

    assert (verdict.action, verdict.reason) == ("quarantine", "phishing")
    assert {"URL_IP_HOST", "URL_TEXT_MISMATCH", "DISPLAY_NAME_SPOOF"} <= set(verdict.symbols)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (b"198.51.100.7", b"www.paypal.example", "URL_IP_HOST"),
        (b'"PayPal"', b'"Newsletter"', "DISPLAY_NAME_SPOOF"),
        (b"verify your account", b"look at this", "URGENT_PHRASES"),
        (b"secure.top", b"secure.example", "FISHY_TLD"),
    ],
)
def test_changing_the_message_changes_the_verdict(before, after, gone):
    old = judge(mail(PHISH), CONTEXT, Thresholds())
    new = judge(mail(PHISH.replace(before, after)), CONTEXT, Thresholds())

    assert gone in old.symbols
    assert gone not in new.symbols
    assert new.score < old.score


def test_defusing_the_whole_message_delivers_it():
    harmless = PHISH
    for before, after in (
        (b"http://198.51.100.7/x", b"https://www.paypal.example/x"),
        (b'"PayPal" <service@secure.top>', b"service@paypal.example"),
        (b"verify your account", b"find your statement"),
    ):
        harmless = harmless.replace(before, after)

    assert judge(mail(PHISH), CONTEXT, Thresholds()).action == "quarantine"
    assert judge(mail(harmless), CONTEXT, Thresholds()).action == "deliver"


@pytest.mark.parametrize(
    ("limits", "action"),
    [
        (Thresholds(tag=2.0, quarantine=50, reject=60), "tag"),
        (Thresholds(tag=2.0, quarantine=4.0, reject=60), "quarantine"),
        (Thresholds(tag=2.0, quarantine=3.0, reject=4.0), "reject"),
        (Thresholds(tag=4.5, quarantine=50, reject=60), "deliver"),
    ],
)
def test_the_domain_decides_where_the_limits_are(limits, action):
    verdict = judge(mail(raw_mail("guaranteed income\r\n")), CONTEXT, limits)

    assert (verdict.score, verdict.action) == (4.0, action)


def test_a_listed_address_is_held_for_its_reputation():
    listed = Context(now=NOW, listed=True, own_domains=OWN)
    verdict = judge(mail(rdns="", helo="203.0.113.9"), listed, Thresholds())

    assert (verdict.action, verdict.reason) == ("quarantine", "rbl")
