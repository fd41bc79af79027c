"""Facts of a body."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.archive.extract import MAX_TEXT, Facts, address, extract


def facts(**event: object) -> Facts:
    return extract(msgspec.json.encode(event))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann <Ann@Example.org>", "ann@example.org"),
        (" ann@example.org ", "ann@example.org"),
        ("<>", ""),
        ('"a<b" <c@d.example>', "c@d.example"),
    ],
)
def test_an_address_is_bare_and_lower_case(text: str, expected: str) -> None:
    assert address(text) == expected


def test_header_and_envelope_recipients_are_together_without_repeats() -> None:
    found = facts(to=["a@x.example", "B@x.example"], email={"to": ["b@x.example"], "cc": ["c@x.example"]})

    assert found.recipients == ("b@x.example", "c@x.example", "a@x.example")


def test_text_has_what_q_looks_through() -> None:
    found = facts(
        message="sentence",
        metadata={"event_code": "code.name", "original_event_uid": "vendor-id"},
        email={
            "message_uid": "<mid@x.example>",
            "files": [{"name": "f.pdf"}],
            "urls": [{"url_string": "http://u/"}],
        },
        actor={"user": {"name": "operator"}, "app_name": "cli"},
        src_endpoint={"ip": "192.0.2.9", "hostname": "mx.example"},
        finding_info={"title": "Finding", "uid": "finding-1"},
        observables=[{"value": "observed"}],
        entity={"name": "entity-1"},
        resources=[{"name": "resource-1"}],
    )

    for word in (
        *("sentence", "code.name", "vendor-id", "f.pdf", "http://u/", "operator", "cli"),
        *("192x0x2x9", "mx.example", "Finding", "finding-1", "observed", "entity-1", "resource-1"),
    ):
        assert word in found.text


def test_addresses_and_the_message_id_are_words_as_a_whole() -> None:
    found = facts(
        message="Held mail of Ops@x.example.",
        email={"from": "a@x.example", "message_uid": "<MID@x.example>"},
        actor={"user": {"email_addr": "b@x.example"}},
    )

    assert set(found.wholes) == {"a@x.example", "mid@x.example", "ops@x.example", "b@x.example"}
    assert "MID" not in found.text


def test_a_message_id_without_an_at_sign_is_cut_like_text() -> None:
    found = facts(email={"message_uid": "<odd id>"})

    assert found.text == "<odd id>"


def test_a_finding_takes_its_mail_from_the_evidence() -> None:
    found = facts(evidences=[{"email": {"from": "a@x.example", "subject": "s", "message_uid": "<m>"}}])

    assert (found.sender, found.subject, found.message_id) == ("a@x.example", "s", "<m>")


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({"disposition": "Held", "disposition_id": 99}, "Held"),
        ({"disposition_id": 3}, "Quarantined"),
        ({"disposition_id": 12345}, ""),
        ({}, ""),
    ],
)
def test_disposition_is_the_caption(given_: dict[str, object], expected: str) -> None:
    assert facts(**given_).disposition == expected


def test_text_is_capped() -> None:
    found = facts(message="x" * 100_000, email={"subject": "y" * 100_000})

    assert len(found.text) == len(found.subject) == MAX_TEXT


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b'{"to": 5}', b'{"email": []}', b"\xff\xfe", b'{"a":' * 5000 + b"1"]
)
def test_a_body_of_another_shape_has_no_facts(body: bytes) -> None:
    assert extract(body) == Facts()


@given(st.binary())
def test_no_body_raises(body: bytes) -> None:
    assert isinstance(extract(body), Facts)
