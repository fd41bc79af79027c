"""The flat field lists: what Zaps are mapped to, so a promise."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.zapier.fields import FIELDS, MOST_BYTES, payload
from hub.sdk.alerts import KINDS, kind_of
from tests.factories.events import make_entry
from tests.factories.zapier import fields_reference
from tests.golden.flat import FlatGolden, flat_goldens
from tests.golden.messages import ROOT

GOLDENS = flat_goldens()
PAGE = Path(__file__).parents[3] / "docs" / "connectors" / "zapier.md"


def run_of(entry):
    return msgspec.json.decode(payload(entry))


def test_every_kind_of_alert_has_its_list():
    assert set(FIELDS) == set(KINDS)


@pytest.mark.parametrize("kind", FIELDS)
def test_names_are_plain_and_stand_once(kind):
    names = [field.name for field in FIELDS[kind]]

    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []
    assert names[0] == "event_id"


@pytest.mark.parametrize("kind", FIELDS)
def test_one_name_has_one_type_in_all_lists(kind):
    everywhere = {(field.name, field.kind) for fields in FIELDS.values() for field in fields}

    assert len({name for name, _ in everywhere}) == len(everywhere)


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_golden_holds(golden: FlatGolden) -> None:
    assert golden.out.read_text() == golden.render(), "make golden, then review the diff"


def test_every_kind_has_a_golden():
    assert {kind_of(golden.entry.header.code) for golden in GOLDENS} == set(KINDS)


def test_no_golden_is_left_without_its_event():
    assert set((ROOT / "zapier").iterdir()) == {golden.out for golden in GOLDENS}


def test_the_page_shows_the_lists_as_they_are():
    assert PAGE.read_text().endswith(fields_reference())


def test_an_event_without_facts_has_every_field_empty_or_null():
    run = run_of(make_entry(1, code="quarantine.added", body=b"{}"))

    assert list(run) == [field.name for field in FIELDS["quarantine.added"]]
    empty = {name: run[name] for name in ("sender", "subject", "score", "queue_id", "details", "reason")}
    assert empty == {
        "sender": "", "subject": "", "score": None, "queue_id": "", "details": "", "reason": ""
    }  # fmt: skip


def test_a_time_from_another_age_is_an_empty_text():
    assert run_of(make_entry(1, time_ms=-1))["time"] == ""
    assert run_of(make_entry(1, time_ms=2**62))["time"] == ""
    assert run_of(make_entry(1, time_ms=1_777_621_333_512))["time"] == "2026-05-01T07:42:13.512Z"


@pytest.mark.parametrize(
    ("said", "number"),
    [(12, 12), (12.0, 12), (-0.5, -0.5), ("7", 7), ("seven", None), ("nan", None), ("1e999", None),
     (True, None), (2**60, None), (None, None)],
)  # fmt: skip
def test_a_number_is_one_that_every_reader_reads_alike(said, number):
    entry = make_entry(1, code="cert.expiring", unmapped={"days_left": said})

    assert run_of(entry)["days_left"] == number


def test_texts_are_one_line_of_visible_characters():
    run = run_of(make_entry(1, code="quarantine.added", subject="a\r\nb\x00\u202egnp.exe\u200b \ufeff"))

    assert run["subject"] == "a b gnp.exe"


def test_what_is_too_long_ends_visibly():
    subject = run_of(make_entry(1, code="quarantine.added", subject="x" * 5000))["subject"]

    assert (len(subject), subject[-1]) == (2000, "…")


@pytest.mark.parametrize("code", [*FIELDS, "unheard.of"])
@pytest.mark.parametrize("char", ["x", '"', "\U0001f600"])
def test_the_largest_stays_below_the_limit_and_whole_json(code, char):
    long = char * 10_000
    every = dict.fromkeys(("message", "status_detail", "disposition", "severity"), long)
    entry = make_entry(
        1, code=code, tenant=long, source=long, domain=long,
        sender=long, recipients=[long[:1000]] * 60, subject=long, message_id=long,
        email_auth=dict.fromkeys(("spf", "dkim", "dmarc"), long),
        src_endpoint={"ip": long}, actor={"user": {"name": long}}, resources=[{"name": long}],
        unmapped={field.name: long for fields in FIELDS.values() for field in fields}, **every,
    )  # fmt: skip

    body = payload(entry)

    assert len(body) <= MOST_BYTES < 100_000
    assert msgspec.json.decode(body)["event_id"] == entry.uid.hex()


PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
ANY = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
KEYS = st.sampled_from(
    ["email", "email_auth", "metadata", "unmapped", "from", "to", "count", "start_time", "resources",
     "actor", "evidences", "message", "severity"]
)  # fmt: skip


@given(st.dictionaries(KEYS, ANY), st.sampled_from(list(FIELDS)))
def test_any_body_gives_every_field_in_its_type(body, code):
    run = run_of(make_entry(1, code=code, body=msgspec.json.encode(body)))

    assert list(run) == [field.name for field in FIELDS[code]]
    for field in FIELDS[code]:
        kinds = (int, float, type(None)) if field.kind == "number" else (str,)
        assert isinstance(run[field.name], kinds)
