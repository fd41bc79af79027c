"""Whole messages: framing, formats, limits."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from connectors.syslog.cut import CUT, cut
from connectors.syslog.message import Messages, count_octets, end_lines
from connectors.syslog.options import SyslogOptions
from connectors.syslog.shorten import shorten
from tests.factories.events import make_entry
from tests.factories.syslog import golden_entry, parse, take_frames, take_lines

ANYTHING = st.text(st.characters(), max_size=60)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | ANYTHING,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(ANYTHING, inner, max_size=8),
    max_leaves=12,
)


def messages(**options):
    return Messages(SyslogOptions(host="siem.example.org", **options))


def held(message):
    return msgspec.json.decode(parse(message).msg)


# -- framing -------------------------------------------------------------------------------------------------
def test_octets_are_counted_in_bytes_not_characters():
    assert count_octets(["ä€".encode(), b"x"]) == "5 ä€1 x".encode()


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.data())
def test_counted_messages_come_apart_again_wherever_the_stream_is_torn(parts, data):
    stream, buffer, taken = count_octets(parts), bytearray(), []
    while stream:
        at = data.draw(st.integers(1, len(stream)))
        buffer += stream[:at]
        stream = stream[at:]
        taken += take_frames(buffer)

    assert taken == parts
    assert not buffer


def test_lines_come_apart_again_even_when_an_event_holds_line_ends():
    odd = msgspec.json.format(make_entry(2, subject="a\r\nb\x00\u2028c").body, indent=2)
    made = [
        messages(framing="lf", transport="tcp").of(each) for each in (make_entry(1), make_entry(2, body=odd))
    ]
    buffer = bytearray(end_lines(made))

    assert take_lines(buffer) == made
    assert held(made[1]) == msgspec.json.decode(odd)


# -- JSON ----------------------------------------------------------------------------------------------------
def test_an_event_that_fits_is_sent_byte_for_byte():
    entry = make_entry(1, raw_data=True)

    assert parse(messages().of(entry)).msg == entry.body


def test_a_bare_del_is_escaped_because_receivers_rewrite_control_characters():
    entry = make_entry(1, subject="a\x7fb")

    message = messages().of(entry)

    assert b"\x7f" not in message
    assert held(message) == msgspec.json.decode(entry.body)


def test_raw_data_goes_first_and_the_event_says_so():
    entry = make_entry(1, raw_data=True)
    room = len(entry.body) - 10

    event = msgspec.json.decode(shorten(entry.body, room))

    whole = msgspec.json.decode(entry.body)
    del whole["raw_data"]
    whole["metadata"] |= {"is_truncated": True, "untruncated_size": len(entry.body)}
    assert event == whole


def test_what_vendors_added_goes_next():
    entry = make_entry(1, raw_data=True, unmapped={"notes": "x" * 5000})

    event = msgspec.json.decode(shorten(entry.body, 4000))

    assert "unmapped" not in event
    assert "observables" in event


def test_a_datagram_keeps_who_what_and_why():
    entry = make_entry(3, raw_data=True)

    message = messages(transport="udp").of(entry)

    event, whole = held(message), msgspec.json.decode(entry.body)
    assert len(message) <= 1180
    for name in ("class_uid", "time", "severity_id", "message", "from", "to", "disposition"):
        assert event[name] == whole[name]
    assert event["metadata"]["uid"] == whole["metadata"]["uid"]
    assert event["metadata"]["is_truncated"] is True
    assert event["email"]["subject"] == whole["email"]["subject"]


def test_a_megabyte_of_subject_is_cut_visibly_and_stays_json():
    entry = make_entry(3, subject="ä" * 1_000_000)

    message = messages().of(entry)

    event = held(message)
    assert len(message) <= 8192
    assert event["email"]["subject"] == "ä" * 120 + CUT
    assert event["metadata"]["untruncated_size"] == len(entry.body)


def test_what_is_no_json_object_is_cut_with_a_mark():
    assert (
        shorten(b"[" + b"9," * 600 + b"9]", 100)
        == (b"[" + b"9," * 600)[: 100 - len(CUT.encode())] + CUT.encode()
    )


def test_numbers_and_surrogates_that_only_python_reads_survive_shortening():
    body = b'{"time":1,"raw_data":"%b","message":"\\ud83d lone","count":1%b}' % (b"x" * 900, b"0" * 40)

    event = json.loads(shorten(body, 800))

    assert (event["message"], event["count"]) == ("\ud83d lone", 10**40)


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.dictionaries(
        st.sampled_from(
            ["raw_data", "unmapped", "metadata", "email", "message", "from", "to", "time", "x", "y"]
        ),
        JSON_VALUES,
    ),
    st.integers(100, 900),
)
def test_shortened_json_never_exceeds_its_room_and_is_marked(event, room):
    body = json.dumps(event).encode()
    assume(len(body) > room)

    made = shorten(body, room)

    assert len(made) <= room
    text = made.decode()
    if not text.endswith(CUT):
        assert json.loads(text)["metadata"]["is_truncated"] is True


@given(ANYTHING, st.integers(0, 80))
def test_a_cut_never_leaves_half_a_character(text, room):
    made = cut(text, room)

    assert len(made) <= room
    assert (
        made.decode() == text.encode("utf-8", "replace").decode()
        or made == b""
        or made.decode().endswith(CUT)
    )


@given(
    subject=st.text(st.characters(codec="utf-8"), max_size=400),
    form=st.sampled_from(["json", "cef"]),
    limit=st.sampled_from([1024, 1180, 1500, 8192]),
    code=st.text(st.characters(codec="utf-8"), max_size=300),
)
def test_a_message_keeps_to_the_limit_on_one_line_in_utf_8(subject, form, limit, code):
    entry = make_entry(5, subject=subject or "-", code=code, tenant="t]" * 40, source='"' * 80, raw_data=True)

    message = messages(format=form, max_message_bytes=limit, hostname="h" * 255, app_name="a" * 48).of(entry)

    assert len(message) <= limit
    assert not set(message) & {0, 10, 13, 127}
    assert message.decode()
    assert parse(message).msg


def test_a_batch_is_made_in_pieces_in_its_order():
    batch = [make_entry(n) for n in range(250)]
    made = messages()

    pieces = list(made.pieces(batch))

    assert [each for piece in pieces for each in piece] == [made.of(entry) for entry in batch]
    assert max(map(len, pieces)) <= 100
    assert len(pieces) >= 3


# -- the page ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["json", "cef"])
def test_the_samples_of_the_page_are_what_is_sent(form):
    page = (Path(__file__).parents[3] / "docs" / "connectors" / "syslog.md").read_text()
    samples = dict(zip(("json", "cef"), re.findall(r"```\n(<131>1 .*)\n```", page), strict=True))

    message = messages(format=form, hostname="hub1").of(golden_entry("quarantine.added")).decode()

    at = 0
    for part in samples[form].split("..."):
        at = message.find(part.strip(), at)
        assert at >= 0, part


# -- options -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("transport", "port", "limit"), [("tls", 6514, 8192), ("tcp", 514, 8192), ("udp", 514, 1180)]
)
def test_port_and_limit_follow_the_transport(transport, port, limit):
    options = SyslogOptions(host="h", transport=transport)

    assert (options.to_port, options.limit) == (port, limit)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"framing": "lf"}, "tls counts octets"),
        ({"transport": "udp", "max_message_bytes": 70_000}, "at most 65507"),
        ({"transport": "tcp", "ca": "ca.pem"}, "ca: only with transport: tls"),
        ({"client_key": "key.pem"}, "client_key needs client_cert"),
        ({"host": "tls://siem:6514"}, "host"),
        ({"host": "h", "facility": "local8"}, "facility"),
        ({"max_message_bytes": 1023}, "max_message_bytes"),
        ({"app_name": "two words"}, "app_name"),
        ({"hostname": "x" * 256}, "hostname"),
        ({"enterprise_number": 2**32}, "enterprise_number"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(wrong, said):
    with pytest.raises(ValueError, match=said):
        SyslogOptions.model_validate({"host": "siem.example.org", **wrong})
