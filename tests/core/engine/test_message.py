import time
from email import message_from_bytes

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine import message as reading
from core.engine.message import Mail, decode_words, parse
from core.engine.verdict import Thresholds
from tests.factories.core import CONTEXT, envelope, html_mail, mail, raw_mail
from tests.factories.rules import judge

_HEADER = st.sampled_from(
    [b"From", b"Subject", b"Date", b"Content-Type", b"Content-Disposition", b"Reply-To"]
)
_HOSTILE = st.one_of(
    st.binary(max_size=400),
    st.lists(st.tuples(_HEADER, st.binary(max_size=80)), max_size=8).map(
        lambda rows: b"\r\n".join(name + b": " + value for name, value in rows) + b"\r\n\r\nbody"
    ),
)


def judged(raw: bytes) -> Mail:
    message = parse(raw, envelope())
    judge(message, CONTEXT, Thresholds())
    return message


@given(_HOSTILE)
def test_any_bytes_are_read_and_judged_into_plain_text(raw):
    message = judged(raw)

    texts = [message.subject, message.sender.name, message.text, *(a.filename for a in message.attachments)]

    assert orjson.loads(orjson.dumps(texts)) == texts


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 1000,
        b"From: " + b"(" * 5000 + b"\r\n\r\n",
        b'From: "' + b"\\" * 5001 + b"\r\n\r\n",
        b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800",
        b"Subject: =?utf-7?q?+2AA-?=\r\n\r\n",
        b"Subject: =?utf-8?b?" + b"/" * 5001 + b"?=\r\n\r\n",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n@@@",
        b"Date: Fri, 99 May 99999 99:99:99 +9999\r\n\r\n",
        b'Content-Disposition: attachment; filename*0*=x; filename*1="\xff"\r\n\r\n',
    ],
)
def test_known_nasty_bytes_are_read(raw):
    subject = judged(raw).subject

    assert orjson.loads(orjson.dumps(subject)) == subject


def test_parts_nested_beyond_recursion_leave_the_headers():
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3000)
    )
    message = judged(b"From: a@b.example\r\n" + deep)

    assert message.sender.email == "a@b.example"
    assert message.malformed


@pytest.mark.parametrize(
    "unit", ["<a ", "<a href=x", '<a href="x">', "<", "&#", "http://", "a-", "<a href=x>a.a."]
)
def test_repeated_markup_is_read_in_linear_time(unit):
    raw = html_mail(unit * 40_000, From=f'"{"a-." * 2000}" <a@b.example>')
    began = time.process_time()
    judged(raw)

    assert time.process_time() - began < 2.0


def test_encoded_words_and_raw_utf8_become_text():
    message = mail(raw_mail(Subject="=?utf-8?b?UsO8Y2tmcmFnZQ==?= zu =?iso-8859-1?q?M=FCll?="))

    assert message.subject == "Rückfrage zu Müll"
    assert mail(raw_mail(Subject="見積書の件")).subject == "見積書の件"


def test_a_broken_encoded_word_stays_as_it_is():
    assert decode_words("=?utf-8?x?oops?=") == "=?utf-8?x?oops?="


def test_a_display_name_may_hold_a_comma_and_umlauts():
    message = mail(raw_mail(From='"=?utf-8?q?M=C3=B6ller=2C_Anna?=" <anna@partner.example>'))

    assert (message.sender.name, message.sender.domain) == ("Möller, Anna", "partner.example")


def test_links_come_from_anchors_and_from_plain_text():
    html = mail(html_mail('<a class=x href="https://a.example/?a=1&amp;b=2"><b>Our</b> site</a>'))
    text = mail(raw_mail("(see https://b.example/x)\r\n"))

    assert [(link.url, link.text) for link in html.links] == [("https://a.example/?a=1&b=2", "Our site")]
    assert [link.host for link in text.links] == ["b.example"]


SCRAPS = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"--x",
        b"--x--",
        b"A: b",
        b"text ",
        b"Content-Type: multipart/mixed; boundary=x\r\n",
    ]
)


@given(st.lists(SCRAPS, max_size=14).map(b"".join), st.integers(1, 9))
def test_a_message_fed_in_slices_is_the_same_message(raw, size):
    usual, reading.FEED_BYTES = reading.FEED_BYTES, size
    try:
        sliced = reading._parsed(raw)
    finally:
        reading.FEED_BYTES = usual

    whole = message_from_bytes(raw)
    assert [list(part.raw_items()) for part in sliced.walk()] == [
        list(part.raw_items()) for part in whole.walk()
    ]
    assert sliced.as_bytes() == whole.as_bytes()
