"""The head of a message, as RFC 5424 section 6 has it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.syslog.header import Heads, message_id, parameter, severity, timestamp
from connectors.syslog.options import SyslogOptions
from hub.model.ids import uid_text
from tests.factories.events import make_entry
from tests.factories.syslog import parse

HOST = "siem.example.org"


def head(entry, **options):
    made = Heads(SyslogOptions(host=HOST, hostname="hub1", **options))
    return made.of(entry)


def parsed(entry, **options):
    return parse(head(entry, **options) + b"{}")


@pytest.mark.parametrize(
    ("ocsf", "syslog"), [(0, 6), (1, 6), (2, 5), (3, 4), (4, 3), (5, 2), (6, 2), (99, 6)]
)
def test_severity_follows_ocsf(ocsf, syslog):
    assert severity(ocsf) == syslog


def test_a_medium_event_under_local0_has_priority_132():
    assert head(make_entry(1, severity=3)).startswith(b"<132>1 ")


def test_a_head_is_written_as_specified():
    entry = make_entry(
        1, uid=bytes(range(16)), tenant="acme", source="mg-1", code="quarantine.added", severity=4,
        time_ms=1_777_621_333_007,
    )  # fmt: skip

    assert head(entry, bom=True) == (
        b"<131>1 2026-05-01T07:42:13.007Z hub1 mxhub - quarantine.added "
        b'[mxhub@32473 id="000102030405060708090a0b0c0d0e0f" tenant="acme" source="mg-1" '
        b'code="quarantine.added"] \xef\xbb\xbf'
    )


def test_structured_data_can_be_left_out():
    assert head(make_entry(1, code="a"), structured_data=False).endswith(b" a - ")


def test_the_enterprise_number_names_the_structured_data():
    assert parsed(make_entry(1), enterprise_number=4242).sd_id == "mxhub@4242"


@pytest.mark.parametrize(
    ("class_uid", "facility"),
    [(4009, 16), (3002, 10), (3001, 13), (3004, 13), (6003, 13), (6002, 13), (2004, 16)],
)
def test_audit_and_logon_events_can_have_facilities_of_their_own(class_uid, facility):
    entry = make_entry(1, class_uid=class_uid)

    assert parsed(entry, audit_facility="audit", auth_facility="authpriv").facility == facility
    assert parsed(entry, facility="mail").facility == 2


@pytest.mark.parametrize(
    ("time_ms", "written"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_777_621_333_000, "2026-05-01T07:42:13.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "2025-10-09T08:53:20.001Z"),
        (-1, "2025-10-09T08:53:20.001Z"),
        (2**62, "2025-10-09T08:53:20.001Z"),
    ],
)
def test_a_time_that_cannot_be_is_replaced_by_the_recorded_one(time_ms, written):
    entry = make_entry(1, time_ms=time_ms, recorded_ms=1_760_000_000_001)

    assert timestamp(entry.header) == written


def test_no_time_at_all_is_nil():
    assert timestamp(make_entry(1, time_ms=-5, recorded_ms=-7).header) == "-"


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("reputation.threshold_crossed", "reputation.threshold_crossed"),
        ("x" * 32, "x" * 32),
        ("x" * 33, "x" * 32),
        ("", "-"),
        ("two words\n", "two_words_"),
        ("größe", "gr__e"),
    ],
)
def test_msgid_is_printable_and_at_most_32_long(code, written):
    assert message_id(code) == written


def test_only_three_characters_are_escaped_in_a_value():
    assert parameter(r'a"b\c]d[e=f') == r"a\"b\\c\]d[e=f"


def test_a_long_value_is_cut_visibly_between_characters():
    cut = parameter("ä" * 100)

    assert cut == "ä" * 62 + "…"
    assert len(cut.encode()) <= 128


hostile = st.text(st.characters(), max_size=200)


@given(tenant=hostile, source=hostile, code=hostile)
def test_whatever_a_vendor_calls_its_events_the_head_stays_one(tenant, source, code):
    entry = make_entry(1, tenant=tenant, source=source, code=code, body=b"{}")

    made = parsed(entry)

    assert made.msg == b"{}"
    assert made.data["id"] == uid_text(entry.uid)
    assert list(made.data) == ["id", "tenant", "source", "code"]
    assert not re.search(rb"[\x00-\x1f\x7f]", head(entry))
    shown = code.encode("utf-8", "replace").decode()
    if len(shown.encode()) <= 128 and shown.isprintable():
        assert made.data["code"] == shown
