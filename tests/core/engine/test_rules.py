from base64 import b64encode

import pytest

from core.engine.message import Mail
from core.engine.rules import RULES, Context
from tests.factories.core import CONTEXT, NOW, OWN, html_mail, mail, raw_mail

RULE = {rule.name: rule for rule in RULES}
LISTED = Context(now=NOW, listed=True, own_domains=OWN)


def attached(name: str) -> bytes:
    body = f'--x\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\nMZ\r\n--x--\r\n'
    return raw_mail(body, Content_Type='multipart/mixed; boundary="x"')


def zipped(member: bytes, flags: int = 0) -> Mail:
    """A mail with the first local header of a ZIP, APPNOTE 4.3.7, and no data behind it."""
    head = bytearray(b"PK\x03\x04" + bytes(26))
    head[6] = flags
    head[26:28] = len(member).to_bytes(2, "little")
    return attached_bytes("papers.zip", bytes(head) + member)


def attached_bytes(name: str, payload: bytes) -> Mail:
    body = (
        f'--x\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{b64encode(payload).decode()}\r\n--x--\r\n"
    )
    return mail(raw_mail(body, Content_Type='multipart/mixed; boundary="x"'))


FIRES: dict[str, Mail] = {
    "FISHY_TLD": mail(raw_mail("Look: https://deal.top/x\r\n")),
    "URL_IP_HOST": mail(raw_mail("http://198.51.100.3/login\r\n")),
    "URL_TEXT_MISMATCH": mail(html_mail('<a href="http://evil.example.net/">www.bank.example</a>')),
    "URL_SHORTENER": mail(raw_mail("https://short.example/abc\r\n")),
    "DISPLAY_NAME_SPOOF": mail(raw_mail(From='"PayPal Service" <a@partner.example>')),
    "LOOKALIKE_DOMAIN": mail(raw_mail(From="ceo@acrne.example")),
    "OWN_DOMAIN_FROM_OUTSIDE": mail(raw_mail(From="ceo@acme.example")),
    "REPLYTO_MISMATCH": mail(raw_mail(Reply_To="x@freemail.example.net")),
    "URGENT_PHRASES": mail(raw_mail(Subject="=?utf-8?q?Please_verify_your_account?=")),
    "MONEY_PHRASES": mail(raw_mail("guaranteed income\r\n")),
    "SUBJECT_ALL_CAPS": mail(raw_mail(Subject="READ THIS NOW")),
    "SUBJECT_MANY_MARKS": mail(raw_mail(Subject="Hello!!!")),
    "HIDDEN_TEXT": mail(html_mail('<b style="font-size: 0">x</b>')),
    "HTML_ONLY": mail(html_mail("<p>x</p>")),
    "EMPTY_BODY": mail(raw_mail("")),
    "EXEC_ATTACHMENT": mail(attached("setup.EXE")),
    "DOUBLE_EXTENSION": mail(attached("invoice.pdf.scr")),
    "MACRO_ATTACHMENT": mail(attached("offer.docm")),
    "DISGUISED_EXECUTABLE": attached_bytes("holiday.jpg", b"MZ\x90\x00"),
    "ARCHIVE_EXECUTABLE": zipped(b"invoice.exe"),
    "ARCHIVE_ENCRYPTED": zipped(b"invoice.pdf", flags=1),
    "HTML_ATTACHMENT": mail(attached("login.html")),
    "URL_LOOKALIKE": mail(raw_mail("https://www.acm3.example/\r\n")),
    "URL_USERINFO": mail(raw_mail("https://www.bank.example@evil.example.net/\r\n")),
    "MULTIPLE_FROM": mail(b"From: ceo@acme.example\r\n" + raw_mail()),
    "OVERGROWN_MIME": mail(raw_mail("x\n" * 700_001)),
    "RBL_HIT": mail(),
    "NO_RDNS": mail(rdns=""),
    "HELO_BARE_IP": mail(helo="[203.0.113.9]"),
    "DATE_IN_FUTURE": mail(raw_mail(Date="Mon, 04 May 2026 07:20:00 +0000")),
    "DATE_MISSING": mail(raw_mail(Date="yesterday")),
    "MISSING_MID": mail(raw_mail(Message_ID=None)),
    "MISSING_FROM": mail(raw_mail(From=None)),
    "NO_RECEIVED": mail(raw_mail(Received=None)),
    "ENVFROM_MISMATCH": mail(mail_from="bounce@other.example.net"),
    "MALFORMED_MIME": mail(raw_mail("x", Content_Type='multipart/mixed; boundary="never"')),
    "LIST_UNSUBSCRIBE": mail(raw_mail(List_Id="<a.example>", List_Unsubscribe="<https://a.example/u>")),
    "IN_REPLY_TO": mail(raw_mail(Subject="Re: Lunch", In_Reply_To="<0@acme.example>")),
}


def test_every_rule_has_a_case():
    assert set(FIRES) == set(RULE)


@pytest.mark.parametrize("name", sorted(RULE))
def test_a_rule_fires_on_its_mark(name):
    context = LISTED if name == "RBL_HIT" else CONTEXT

    assert RULE[name].test(FIRES[name], context)


@pytest.mark.parametrize("name", sorted(RULE))
def test_no_rule_fires_on_an_ordinary_message(name):
    assert not RULE[name].test(mail(), CONTEXT)


@pytest.mark.parametrize(
    ("shown", "fires"),
    [("www.bank.example", True), ("click here", False), ("deals.evil.net", False), ("", False)],
)
def test_link_text_counts_only_when_it_names_another_site(shown, fires):
    message = mail(html_mail(f'<a href="http://www.evil.net/">{shown}</a>'))

    assert RULE["URL_TEXT_MISMATCH"].test(message, CONTEXT) is fires


@pytest.mark.parametrize(
    ("domain", "fires"),
    [
        ("acme.example", False),
        ("acrne.example", True),
        ("acm3.example", True),
        ("nоrdwind.example", True),
        ("xn--nrdwind-9ig.example", True),
        ("www.acme.example", False),
        ("paypa1.com", True),
        ("paypal.com", False),
        ("secure-paypal.net", True),
        ("payment.example.org", False),
    ],
)
def test_lookalikes_are_told_from_the_real_ones(domain, fires):
    assert RULE["LOOKALIKE_DOMAIN"].test(mail(raw_mail(From=f"a@{domain}")), CONTEXT) is fires


@pytest.mark.parametrize(("name", "fires"), [("a.pdf", False), ("a.exe.pdf", False), ("A.JS", True)])
def test_only_the_last_extension_makes_a_file_executable(name, fires):
    assert RULE["EXEC_ATTACHMENT"].test(mail(attached(name)), CONTEXT) is fires


@pytest.mark.parametrize(("known", "fires"), [(True, True), (False, False)])
def test_a_client_without_a_name_counts_only_when_dns_said_so(known, fires):
    context = Context(now=NOW, listed=False, own_domains=OWN, rdns_known=known)

    assert RULE["NO_RDNS"].test(mail(rdns=""), context) is fires


@pytest.mark.parametrize(("authenticated", "fires"), [(False, True), (True, False)])
def test_an_own_domain_from_outside_is_fine_once_it_is_proven(authenticated, fires):
    context = Context(now=NOW, listed=False, own_domains=OWN, authenticated=authenticated)

    assert RULE["OWN_DOMAIN_FROM_OUTSIDE"].test(mail(raw_mail(From="ceo@acme.example")), context) is fires


@pytest.mark.parametrize(("shown", "fires"), [("a.shop.co.uk", False), ("other.co.uk", True)])
def test_sites_are_told_apart_by_the_public_suffix_list(shown, fires):
    message = mail(html_mail(f'<a href="http://b.shop.co.uk/">{shown}</a>'))

    assert RULE["URL_TEXT_MISMATCH"].test(message, CONTEXT) is fires
