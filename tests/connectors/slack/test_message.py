"""Any event becomes a message that the strict Slack takes, and a stranger's text does nothing in it."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.slack.message import Messages
from hub.model.event import Entry, Header
from hub.sdk.alerts import KINDS
from tests.factories.conformance import HOSTILE
from tests.factories.events import make_entry
from tests.factories.slack_blocks import mentions, refusal, texts, units

MESSAGES = Messages({}, "https://search.example/?event={event_id}&x=1")
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=[]), max_size=400)
BAIT = "<!channel> <@U012AB3CD> <https://evil.example|here> &amp; *b* :boom: \u202e\u200b `x`"


def said(message):
    return "\n".join(text for text, _ in texts(message))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("subject", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_mail_is_harmless_in_every_kind(kind, subject):
    details = {"days_left": subject, "sender": subject, subject: subject}
    entry = make_entry(
        1,
        code=kind,
        subject=subject,
        sender=subject,
        recipients=[subject] * 50,
        message=subject,
        status_detail=subject,
        severity=None,
        domain=subject,
        unmapped=details,
    )

    message = MESSAGES.of(entry)

    assert refusal(message) is None
    assert mentions(message) == []
    assert all(not markup or ("<!" not in text.replace("<!date", "")) for text, markup in texts(message))
    assert "http://evil" not in said(message)
    assert "https://evil" not in said(message)
    assert all(char.isprintable() or char == "\n" for char in said(message))
    assert units(said(message)) < 13_200


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_says_nothing_is_a_message_too(kind):
    message = MESSAGES.of(make_entry(1, code=kind, body=b"{}"))

    assert refusal(message) is None
    assert KINDS[kind] in message["text"]


def test_facts_stand_where_slack_reads_no_markup():
    message = MESSAGES.of(
        make_entry(1, code="quarantine.added", subject=BAIT, sender=BAIT, status_detail=BAIT)
    )

    shown = list(texts({"blocks": message["blocks"]}))
    assert any("<!channel>" in text for text, markup in shown if not markup)
    assert all("boom" not in text for text, markup in shown if markup)


def test_the_link_leads_to_the_event():
    message = MESSAGES.of(make_entry(1, uid=b"\x01" * 16))

    assert "<https://search.example/?event=" + "01" * 16 + "&amp;x=1|Details>" in said(message)


def test_without_a_link_there_is_none():
    assert "Details" not in said(Messages({}, None).of(make_entry(1)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TEXTS = ["severity", "message", "status_detail", "disposition", "from", "to"]
OBJECTS = [
    "email",
    "email_auth",
    "metadata",
    "actor",
    "resources",
    "entity",
    "unmapped",
    "src_endpoint",
    "evidences",
]
ATTRIBUTES = [*TEXTS, *OBJECTS, "count", "start_time", "end_time"]


@st.composite
def events(draw):
    """An event whose attributes hold anything, most often of the right type."""
    body = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), JSON, max_size=8))
    if draw(st.booleans()):
        body["unmapped"] = draw(st.dictionaries(ANY_TEXT, JSON, max_size=5))
    if draw(st.booleans()):
        body["email"] = {"subject": draw(ANY_TEXT), "from": draw(ANY_TEXT), "to": draw(st.lists(ANY_TEXT))}
    header = Header(
        tenant=draw(ANY_TEXT),
        source=draw(ANY_TEXT),
        class_uid=4009,
        code=draw(st.sampled_from([*KINDS, "hub.disk_low"]) | ANY_TEXT),
        severity=draw(st.integers(0, 99)),
        domain=draw(ANY_TEXT),
        time_ms=draw(st.integers(-(2**63), 2**63)),
        recorded_ms=0,
    )
    return Entry(seq=1, uid=bytes(16), header=header, body=json.dumps(body).encode())


@settings(max_examples=200, deadline=None)
@given(events())
def test_any_event_becomes_a_message_that_slack_takes(entry):
    message = MESSAGES.of(entry)

    assert refusal(message) is None
    assert mentions(message) == []


@example(b'{"unmapped":{"score":1e999},"count":1e400}')
@example(b'{"unmapped":{"score":' + b"9" * 4000 + b'},"count":' + b"9" * 4000 + b"}")
@example(b'{"unmapped":{"score":NaN,"a":-Infinity},"start_time":NaN}')
@example(b'{"count":-5,"start_time":-1,"end_time":99999999999999999}')
@given(st.binary(max_size=200))
def test_any_bytes_become_a_message_that_slack_takes(body):
    for code in ("quarantine.added", "hub.digest", "other"):
        assert refusal(MESSAGES.of(make_entry(1, code=code, body=body))) is None


def test_a_message_of_a_huge_event_is_made_quickly_enough():
    """What is looked at is bounded: a megabyte in every text is no megabyte of work for each."""
    big = "\u200bx" * 500_000
    entry = make_entry(
        1, code="other", subject=big, message=big, unmapped={f"k{n}": big[:20_000] for n in range(40)}
    )

    message = MESSAGES.of(entry)

    assert refusal(message) is None
