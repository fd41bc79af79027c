"""CEF lines: header and extension, escaping, limits, IPv6."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.syslog.cef import LIMITS, cef_line, escape_header, escape_value, severity
from connectors.syslog.cef_facts import facts_of
from hub.registry import Registry
from tests.factories.events import make_entry
from tests.factories.syslog import GOLDEN, golden_entry

EVENTS = [path for vendor in Registry().sources() for path in sorted(GOLDEN.glob(f"{vendor}/*.out.json"))]
ROOM = 60_000
WRITABLE = st.characters(codec="utf-8")
_UNESCAPED = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r"}
_FIELD = re.compile(r"((?:[^\\|]|\\.)*)\|")
KNOWN = {
    *LIMITS, "rt", "start", "end", "src", "dst", "dvc", "spt", "dpt", "deviceDirection", "cnt",
    *(f"cs{n}" for n in range(1, 7)), "cn1", "cfp1", "c6a1", "c6a2", "c6a3", "flexString1",
}  # fmt: skip


def fields(line):
    """An independent reader: header fields and extension of a CEF line."""
    parts, at = [], 0
    text = line.decode()
    for _ in range(7):
        field = _FIELD.match(text, at)
        parts.append(field[1])
        at = field.end()
    extension = text[at:]
    starts = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", extension))
    ends = [each.start() for each in starts[1:]] + [len(extension)]
    found = {
        each[1]: re.sub(r"\\[\\=nr]", lambda m: _UNESCAPED[m[0]], extension[each.end() : end])
        for each, end in zip(starts, ends, strict=True)
    }
    return parts, found


def test_a_quarantined_mail_reads_as_specified():
    line = cef_line(golden_entry("quarantine.added"), ROOM).decode()

    head, _, extension = line.partition("externalId=")
    assert re.fullmatch(r"CEF:0\|mxhub\|mxhub\|[\w.]+\|quarantine\.added\|Mail quarantined\|8\|", head)
    assert extension == (
        "ec63717a3fda66f520121cd584871f4f rt=1770000000000 start=1777621333000 cs3Label=tenant cs3=acme "
        "cs4Label=source cs4=mailguard-1 cat=email_activity act=Quarantined suser=billing@phish.example "
        "duser=anna@customer.example, ben@customer.example src=203.0.113.9 dvchost=node-1 "
        "cs1Label=subject cs1=Invoice overdue msg=Message quarantined reason=phishing cs2Label=messageId "
        "cs2=<20260501.1@phish.example> cs5Label=authentication cs5=spf\\=fail dkim\\=none dmarc\\=fail "
        "deviceDirection=0 cfp1Label=score cfp1=14.7 sourceDnsDomain=phish.example "
        "destinationDnsDomain=customer.example app=SMTP cn1Label=size cn1=12483 cs6Label=product "
        "cs6=MailGuard"
    )


def test_a_failed_logon_names_user_address_and_outcome():
    head, found = fields(cef_line(golden_entry("audit.auth.login_failed"), ROOM))

    assert head[4:] == ["audit.auth.login_failed", "authentication Logon", "3"]
    assert (found["duser"], found["src"], found["outcome"]) == ("admin", "203.0.113.66", "failure")


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.name[:-9])
def test_every_golden_event_becomes_a_line_of_known_keys(path):
    entry = golden_entry(path.name.removesuffix(".out.json"), path.parent.name)

    head, found = fields(cef_line(entry, ROOM))

    assert head[0] == "CEF:0"
    assert {key.removesuffix("Label") for key in found} <= KNOWN
    assert found["externalId"] == entry.uid.hex()
    assert all(value.strip() == value != "" for value in found.values())


@pytest.mark.parametrize(("ocsf", "cef"), [(0, 0), (1, 1), (2, 3), (3, 5), (4, 8), (5, 9), (6, 10), (99, 0)])
def test_severity_follows_ocsf(ocsf, cef):
    assert severity(ocsf) == cef


def test_header_and_extension_escape_different_characters():
    assert escape_header("a|b\\c=d\ne", 99) == "a\\|b\\\\c=d e"
    assert escape_value("a|b\\c=d\r\ne\rf\ng\x00h", 99) == "a|b\\\\c\\=d\\ne\\rf\\ng h"


@pytest.mark.parametrize(
    ("address", "key"), [("192.0.2.7", "src"), ("2001:db8::7", "c6a2"), ("::ffff:192.0.2.7", "src")]
)
def test_an_address_goes_under_the_key_of_its_family(address, key):
    _, found = fields(cef_line(make_entry(1, src_endpoint={"ip": address, "port": 25}), ROOM))

    assert found[key] == address.removeprefix("::ffff:")
    assert found["spt"] == "25"
    assert ("c6a2Label" in found) == (key == "c6a2")
    assert ("src" in found) == (key == "src")


def test_destination_and_device_have_ipv6_keys_of_their_own():
    entry = make_entry(1, dst_endpoint={"ip": "2001:db8::3"}, device={"ip": "2001:db8::1", "hostname": "mx1"})

    _, found = fields(cef_line(entry, ROOM))

    assert (found["c6a3"], found["c6a1"], found["dvchost"]) == ("2001:db8::3", "2001:db8::1", "mx1")


@pytest.mark.parametrize("address", ["", "mx.example", "1.2.3", "1.2.3.4.5", "fe80::1%eth0\n"])
def test_what_is_no_address_has_no_key(address):
    _, found = fields(cef_line(make_entry(1, src_endpoint={"ip": address}), ROOM))

    assert "src" not in found
    assert found.get("c6a2", "fe80::1") == "fe80::1"


@pytest.mark.parametrize(
    ("key", "over"),
    [
        ("msg", {"message": "ü" * 5000}),
        ("act", {"disposition": "x" * 64}),
        ("reason", {"status_detail": "x" * 1024}),
        ("suser", {"sender": "x" * 1100 + "@b.example"}),
        ("duser", {"recipients": [f"user{n}@customer.example" for n in range(500)]}),
        ("dvchost", {"device": {"hostname": "x" * 101}}),
        ("sourceDnsDomain", {"sender": "a@" + "x" * 300}),
    ],
)
def test_a_value_is_cut_visibly_at_the_limit_of_its_key(key, over):
    _, found = fields(cef_line(make_entry(1, **over), ROOM))

    assert len(found[key]) == LIMITS[key]
    assert found[key].endswith("…")


@pytest.mark.parametrize(("length", "whole"), [(4000, True), (4001, False)])
def test_a_subject_takes_4000_characters(length, whole):
    _, found = fields(cef_line(make_entry(1, subject="s" * length), ROOM))

    assert len(found["cs1"]) == 4000
    assert found["cs1"].endswith("…") != whole


def test_name_and_class_keep_to_their_limits():
    head, _ = fields(cef_line(make_entry(1, code="c" * 2000, activity_name="n" * 2000), ROOM))

    assert (len(head[4]), len(head[5])) == (1023, 512)


def test_a_line_that_is_too_long_loses_whole_keys_and_says_so():
    entry = make_entry(1, subject="s" * 600)
    _, whole = fields(cef_line(entry, ROOM))

    line = cef_line(entry, 500)

    _, found = fields(line)
    assert len(line) <= 500
    assert (found.pop("flexString1Label"), found.pop("flexString1")) == ("truncated", "yes")
    assert found.items() <= whole.items()
    assert found["externalId"] == entry.uid.hex()


def test_a_head_that_is_too_long_by_itself_is_cut():
    line = cef_line(make_entry(1, code="ä" * 1000), 700)

    assert len(line) <= 700
    assert line.decode().endswith("…[cut]")


@settings(max_examples=50)
@given(
    subject=st.text(WRITABLE, min_size=1, max_size=80),
    code=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    sender=st.text(WRITABLE, min_size=1, max_size=60),
    room=st.integers(600, 5000),
)
def test_hostile_content_forges_neither_a_key_nor_a_line(subject, code, sender, room):
    entry = make_entry(1, subject=subject, code=code, sender=sender, message=f"{subject} src=6.6.6.6")

    line = cef_line(entry, room)

    head, found = fields(line)
    assert len(line) <= room
    assert not re.search(rb"[\x00-\x1f\x7f]", line)
    assert head[0] == "CEF:0"
    assert {key.removesuffix("Label") for key in found} <= KNOWN
    assert found.get("src") != "6.6.6.6"


LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
NAMES = st.sampled_from(["ip", "port", "name", "score", "size", "files", "from", "url_string", "hostname"])
ATTRIBUTES = st.sampled_from(
    [
        *("from", "to", "email", "metadata", "unmapped", "src_endpoint", "device", "count", "status_id"),
        *("user", "direction_id", "message", "start_time", "actor", "resources", "evidences"),
    ]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(ATTRIBUTES, VALUES))
def test_wrong_types_in_an_event_harm_nobody(body):
    entry = make_entry(1, body=json.dumps(body).encode())

    assert cef_line(entry, ROOM).startswith(b"CEF:0|")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_gives_what_the_log_knows(body):
    entry = make_entry(1, body=body, tenant="acme", code="x.y")

    groups = {key: value for key, value, _ in facts_of(entry).groups}
    assert (groups["externalId"], groups["cs3"]) == (entry.uid.hex(), "acme")
