"""Whatever a message holds: a verdict, in bounded time, and nothing raised."""

import asyncio
import gzip
import time
from base64 import b64encode

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.engine.message import Envelope, parse
from core.engine.policy import HeaderNames
from core.engine.stamp import stamp
from tests.factories.classifier import empty
from tests.factories.core import envelope, raw_mail
from tests.factories.engine import Zone, scanned

TEXT = st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
BYTES = st.one_of(st.binary(max_size=120), TEXT)
HEADER_NAMES = st.sampled_from(
    b"From To Subject Date Reply-To Message-ID Received List-Id Content-Type Content-Disposition"
    b" Content-Transfer-Encoding DKIM-Signature Authentication-Results".split()
)
VALUES = st.one_of(
    BYTES,
    st.sampled_from(
        [
            b'multipart/mixed; boundary="x"',
            b"multipart/mixed; boundary=",
            b"message/rfc822",
            b"text/html; charset=utf-7",
            b"text/plain; charset=\xff",
            b"text/plain; charset*0=a; charset*1=b",
            b"base64",
            b"quoted-printable",
            b"x-uuencode",
            b"=?utf-8?b?" + b"/" * 101 + b"?=",
            b"=?x?q?=?=",
            b'attachment; filename="a.exe"',
            b"attachment; filename*=utf-8''%ff%fe",
            b"v=1; a=rsa-sha256; d=partner.example; s=s; h=from; bh=AA==; b=AA==",
            b'a@b, c@d, <@e:f@g>, "x\\" <h@i>',
            b"group: a@b, c@d;",
        ]
    ),
)
LINES = st.lists(
    st.tuples(HEADER_NAMES, VALUES, st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\n \t"])), max_size=10
)
SCRAPS = [
    b"--x\r\n",
    b"--x--\r\n",
    b"\r\n",
    b"begin 644 a\r\n",
    b"<a href='http://[",
    b"&#x110000;",
    b"Content-Type: text/html\r\n",
    b"http://a:b@c:99999/\r\n",
    b"\x00\xff",
]
BODIES = st.one_of(BYTES, st.lists(st.sampled_from(SCRAPS), max_size=20).map(b"".join))
MESSAGES = st.builds(
    lambda lines, gap, body: b"".join(name + b": " + value + end for name, value, end in lines) + gap + body,
    LINES,
    st.sampled_from([b"\r\n", b"\n", b"", b"\r\n\r\n"]),
    BODIES,
)
WORDS = st.one_of(
    st.text(max_size=40), st.sampled_from(["a@b.example", "@", "[1.2.3.4]", "::1", "192.0.2.9"])
)
ENVELOPES = st.builds(
    lambda client_ip, helo, mail_from, rcpt_to, rdns: Envelope(
        client_ip=client_ip, helo=helo, mail_from=mail_from, rcpt_to=tuple(rcpt_to), rdns=rdns
    ),
    WORDS,
    WORDS,
    WORDS,
    st.lists(WORDS, max_size=3),
    WORDS,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.one_of(MESSAGES, st.binary(max_size=600)), ENVELOPES)
@example(b"\r", envelope())
@example(b" folded first\r\nFrom: a@b\r\n", envelope())
@pytest.mark.slow
def test_any_message_in_any_envelope_gets_a_verdict(raw, sent):
    verdict = asyncio.run(
        scanned(raw, sent, resolver=Zone({("b.example", "TXT"): ["v=spf1 \x00"]}), classifier=empty())
    )

    assert "SCAN_INCOMPLETE" not in [one.name for one in verdict.symbols]
    assert [one.address for one in verdict.recipients] == list(sent.rcpt_to)
    for name, value in verdict.headers("tag"):
        assert name.isascii()
        assert value.isascii()
        assert "\n" not in value.replace("\r\n\t", "")
    orjson.dumps([verdict.authentication_results, [(one.name, one.detail) for one in verdict.symbols]])


@given(MESSAGES)
def test_stamping_leaves_every_other_byte_as_it_came(raw):
    marked = stamp(raw, [("X-Spam-Score", "1.00")], "mx.acme.example", HeaderNames())

    assert marked.startswith(b"X-Spam-Score: 1.00")
    assert marked.endswith(raw)


def nested(depth):
    return b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(depth)
    )


def parts(count, body=b"x"):
    part = b'--x\r\nContent-Type: text/plain; name="a%d.txt"\r\nContent-Disposition: attachment\r\n\r\n%s\r\n'
    return b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"".join(
        part % (n, body) for n in range(count)
    )


def attachment(name, payload):
    head = f'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{name}"\r\n'
    return (head + "Content-Transfer-Encoding: base64\r\n\r\n").encode() + b64encode(payload)


HUGE = {
    "10,000 parts": parts(10_000),
    "20,000 parts": parts(20_000),
    "nested to the limit, many lines": nested(90) + b"x\n" * 300_000,
    "nested beyond recursion": nested(5000),
    "one long header": b"Subject: " + b"a" * 5_000_000 + b"\r\n\r\n",
    "many headers": b"X: y\r\n" * 500_000 + b"\r\n",
    "many senders": b"From: a@b.example\r\n" * 20_000 + b"\r\n",
    "a folded header": b"Subject: a\r\n" + b" b\r\n" * 300_000 + b"\r\n",
    "a long address list": b"From: " + b"a@b.example, " * 100_000 + b"\r\n\r\n",
    "brackets": b"From: " + b"(<" * 200_000 + b"\r\n\r\n",
    "empty lines": b"Subject: a\r\n\r\n" + b"\n" * 5_000_000,
    "carriage returns": b"Subject: a\r\n\r\n" + b"\r" * 5_000_000,
    "one line": b"Subject: a\r\n\r\n" + b"a" * 20_000_000,
    "a zip bomb": attachment("a.zip", gzip.compress(b"\0" * 50_000_000)),
    "links": b"Content-Type: text/html\r\n\r\n" + b'<a href="http://a.example/">a.a.a.a</a>' * 100_000,
    "open tags": b"Content-Type: text/html\r\n\r\n" + b"<" * 2_000_000,
    "styles": b"Content-Type: text/html\r\n\r\n" + b"font-size" + b" " * 2_000_000,
    "dots": b'From: "' + b"a." * 4000 + b'" <a@' + b"a." * 4000 + b">\r\n\r\n" + b"a." * 500_000,
}


@pytest.mark.parametrize("name", HUGE)
async def test_a_huge_or_twisted_message_is_judged_in_bounded_time(name):
    began = time.process_time()
    verdict = await scanned(HUGE[name], classifier=empty())

    assert "SCAN_INCOMPLETE" not in [one.name for one in verdict.symbols]
    assert time.process_time() - began < 10.0


@pytest.mark.slow
def test_parts_beyond_the_limit_are_said_to_be_unread():
    raw = (
        parts(20_000) + b'--x\r\nContent-Disposition: attachment; filename="late.exe"\r\n\r\nMZ\r\n--x--\r\n'
    )
    mail = parse(raw, envelope())

    assert mail.overgrown
    assert "late.exe" not in {part.filename for part in mail.attachments}


async def test_a_program_among_ten_thousand_parts_is_held():
    raw = parts(9_000) + b'--x\r\nContent-Disposition: attachment; filename="late.exe"\r\n\r\nMZ\r\n--x--\r\n'
    verdict = await scanned(b"From: a@b.example\r\n" + raw)

    assert "EXEC_ATTACHMENT" in {one.name for one in verdict.symbols}
    assert verdict.recipients[0].fate == "quarantine"


async def test_headers_too_long_to_be_read_hide_nothing():
    padding = b"X-Padding: " + b"a" * 300_000 + b"\r\n"
    verdict = await scanned(
        padding + raw_mail() + b'\r\nContent-Disposition: attachment; filename="a.exe"\r\n'
    )

    assert {"OVERGROWN_MIME", "EXEC_ATTACHMENT"} <= {one.name for one in verdict.symbols}
    assert verdict.recipients[0].fate in {"quarantine", "reject"}


@pytest.mark.slow
async def test_fifty_megabytes_of_attachment_are_judged():
    raw = raw_mail("", Content_Type='multipart/mixed; boundary="x"') + b"--x\r\n"
    raw += (
        b'Content-Disposition: attachment; filename="film.iso"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    line = b64encode(b"\x5a" * 57) + b"\r\n"
    raw += line * (50_000_000 // len(line)) + b"--x--\r\n"
    verdict = await scanned(raw)

    assert not verdict.mail.overgrown
    assert verdict.mail.attachments[0].size_bytes > 35_000_000
    assert "EXEC_ATTACHMENT" in {one.name for one in verdict.symbols}
