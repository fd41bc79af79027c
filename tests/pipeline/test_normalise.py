"""Whatever a vendor sends becomes an event: mapped, or a base event with everything in it."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model.ids import event_uid, uid_text
from hub.pipeline.normalise import HASHED_FROM, MAX_DEPTH, NOT_UTF8, Normalised, normalise, normalise_body
from hub.sdk.jsontext import decode
from hub.sdk.source import Item, Mapped
from hub.sources.mailguard import SPEC
from tests.factories.mailguard import audit_entry, held, webhook
from tests.factories.ocsf_rules import check
from tests.factories.ocsf_schema import schema_problems
from tests.golden import goldens

NOW = 1_770_000_000_000


def _body(raw: bytes) -> list[Normalised]:
    return normalise_body(SPEC, "acme", "mg", raw, NOW)


def _one(raw: bytes) -> tuple[dict[str, Any], str | None]:
    (found,) = _body(raw)
    return orjson.loads(found.event.body), found.unmapped_reason


def _polled(payload: dict[str, Any], code: str = "quarantine.added") -> Normalised:
    item = Item(code=code, payload=payload, raw=json.dumps(payload).encode())
    return normalise(SPEC, tenant="acme", source="mg", item=item, received_ms=NOW)


def test_the_header_tells_routing_what_it_needs() -> None:
    (found,) = _body(json.dumps(webhook("quarantine.added")).encode())

    assert tuple(getattr(found.event.header, name) for name in found.event.header.__struct_fields__) == (
        "acme",
        "mg",
        4009,
        "quarantine.added",
        4,
        "customer.example",
        1_777_621_333_000,
        NOW,
    )


def test_the_payload_is_kept_as_received() -> None:
    raw = b' {"event" : "quarantine.added", "data": {"queue_id":"A", "arrived_at": "2026-05-01"}} '

    body, reason = _one(raw)

    assert reason is None
    assert body["raw_data"].encode() == raw
    assert "raw_data_hash" not in body


def test_each_item_of_an_array_keeps_its_own_bytes() -> None:
    first, second = json.dumps(webhook("quarantine.added")).encode(), b'{"event":"new.thing",  "x":1}'

    found = _body(b"[ " + first + b" , " + second + b"]")

    assert [json.loads(n.event.body)["raw_data"].encode() for n in found] == [first, second]
    assert [n.unmapped_reason for n in found] == [None, "no mapper for 'new.thing'"]


def test_an_unknown_event_is_a_base_event_with_everything_in_it() -> None:
    raw = json.dumps(
        {"id": "evt_9", "event": "new.thing", "timestamp": "2026-05-01T00:00:00Z", "x": [1]}
    ).encode()

    body, reason = _one(raw)

    assert reason == "no mapper for 'new.thing'"
    assert (body["class_uid"], body["type_uid"], body["activity_name"]) == (0, 99, "new.thing")
    assert body["unmapped"] == json.loads(raw)
    assert body["time"] == 1_777_593_600_000
    assert body["metadata"]["original_event_uid"] == "evt_9"
    digest = hashlib.sha256(raw).hexdigest()
    assert body["metadata"]["uid"] == uid_text(event_uid(("acme", "mg", "unknown", digest)))
    assert schema_problems(body) == check(body) == []


def test_a_mapper_that_fails_costs_nothing_of_the_event() -> None:
    payload = webhook("quarantine.added", {"sender": "a@b.example"})

    body, reason = _one(json.dumps(payload).encode())

    assert reason == "ValueError: a quarantine event without queue_id"
    assert body["unmapped"] == payload
    assert body["metadata"]["event_code"] == "quarantine.added"


def test_a_mapper_whose_output_cannot_be_serialised_costs_nothing_either() -> None:
    def bad(payload: Any) -> Mapped:
        mapped = SPEC.mappers["quarantine.added"](payload)
        mapped.event.unmapped = {"x": object()}
        return mapped

    spec = replace(SPEC, mappers={"quarantine.added": bad})
    (found,) = normalise_body(spec, "acme", "mg", json.dumps(webhook("quarantine.added")).encode(), NOW)

    assert found.unmapped_reason is not None
    assert found.unmapped_reason.startswith("TypeError")
    assert found.event.header.class_uid == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"not json",
        b"{",
        b"17",
        b'"text"',
        b"null",
        b'{"a":1}x',
        b"[1,",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x00",
        b"1" * 5000,
    ],
    ids=lambda raw: raw[:8].decode("ascii", "replace"),
)
def test_a_body_that_cannot_be_parsed_is_one_base_event(raw: bytes) -> None:
    body, reason = _one(raw)

    assert reason is not None
    assert reason.startswith("the body cannot be parsed")
    assert body["raw_data"].encode() == raw
    assert body["activity_name"] == "unparsable"
    assert body["time"] == NOW
    assert schema_problems(body) == check(body) == []


@pytest.mark.parametrize("raw", [b"[1]", b"[null]", b'["x"]', b"[[]]", b'[{"event":5}]', b"{}"])
def test_what_is_no_event_is_kept_as_one(raw: bytes) -> None:
    body, reason = _one(raw)

    assert reason == "the payload names no event"
    assert body["metadata"]["event_code"] == "unknown"
    assert schema_problems(body) == check(body) == []


def test_an_empty_array_is_no_event() -> None:
    assert _body(b"[]") == []


def test_bytes_that_are_no_utf8_are_shown_flagged_and_kept() -> None:
    raw = b'{"event":"quarantine.added","data":{"subject":"\xff\xfe"}}'

    body, _ = _one(raw)

    assert "\ufffd" in body["raw_data"]
    assert body["metadata"]["labels"] == [NOT_UTF8]
    assert base64.b64decode(body["unmapped"]["raw_data_base64"]) == raw
    assert body["raw_data_size"] == len(raw)
    assert body["raw_data_hash"]["value"] == hashlib.sha256(raw).hexdigest()
    assert schema_problems(body) == check(body) == []


def test_a_large_payload_carries_its_size_and_hash() -> None:
    raw = json.dumps(webhook("quarantine.added", held(note="x" * HASHED_FROM))).encode()

    body, reason = _one(raw)

    assert reason is None
    assert body["raw_data"].encode() == raw
    assert body["raw_data_size"] == len(raw)
    assert body["raw_data_hash"] == {
        "algorithm_id": 3,
        "algorithm": "SHA-256",
        "value": hashlib.sha256(raw).hexdigest(),
    }
    assert schema_problems(body) == []


def test_lone_surrogates_and_nul_survive() -> None:
    raw = json.dumps(
        webhook("quarantine.added", held(subject="a\ud800b\x00", odd={"k\udfff": ["\ud800"]}))
    ).encode()

    body, reason = _one(raw)

    assert reason is None
    assert body["email"]["subject"] == "a?b\x00"
    assert body["unmapped"]["odd"] == {"k?": ["?"]}
    assert "\\ud800" in body["raw_data"]
    assert schema_problems(body) == check(body) == []


def test_a_lone_surrogate_in_the_event_name_reaches_no_header() -> None:
    (found,) = _body(b'{"event":"x\\ud800"}')

    assert found.event.header.code == "x?"
    assert json.loads(found.event.body)["activity_name"] == "x?"


def test_huge_numbers_and_deep_nesting_stay_parsable_everywhere() -> None:
    deep: Any = 0
    for _ in range(300):
        deep = [deep]
    raw = json.dumps(webhook("quarantine.added", held(deep=deep, big=10**30, inf=float("inf")))).encode()

    body, reason = _one(raw)

    assert reason is None
    assert body["unmapped"]["big"] == str(10**30)
    assert json.dumps(body["unmapped"]["deep"]).count("[") < MAX_DEPTH
    assert "see raw_data" in json.dumps(body["unmapped"]["deep"])
    assert body["unmapped"]["inf"] is None
    assert schema_problems(body) == []


def test_a_long_event_name_is_cut() -> None:
    (found,) = _body(json.dumps({"event": "x" * 5000}).encode())

    assert found.event.header.code == "x" * 200


def test_webhook_and_poll_of_one_held_message_are_one_event() -> None:
    (pushed,) = _body(json.dumps(webhook("quarantine.added")).encode())

    assert _polled(held()).event.uid == pushed.event.uid
    assert _polled(held(arrived_at="2026-05-01T09:42:13.512+02:00")).event.uid == pushed.event.uid
    assert _polled(held(arrived_at=1_777_621_333)).event.uid == pushed.event.uid
    assert _polled(held(arrived_at="2026-05-01 07:42:13")).event.uid == pushed.event.uid


@pytest.mark.parametrize(
    "other",
    [
        held(queue_id="4F2A8C0E"),
        held(node_id="node-2"),
        held(arrived_at="2026-05-01T07:42:14Z"),
    ],
)
def test_another_message_is_another_event(other: dict[str, Any]) -> None:
    assert _polled(other).event.uid != _polled(held()).event.uid


def test_a_messages_states_are_events_of_their_own() -> None:
    names = ("quarantine.added", "quarantine.released", "quarantine.discarded")

    assert len({_body(json.dumps(webhook(n)).encode())[0].event.uid for n in names}) == 3


def test_a_re_delivery_under_a_new_delivery_id_is_the_same_event() -> None:
    first, second = (json.dumps(webhook("quarantine.released", id=i)).encode() for i in ("evt_1", "evt_2"))

    assert _body(first)[0].event.uid == _body(second)[0].event.uid


def test_an_audit_entry_stays_its_own_event_and_meets_the_webhook_by_correlation() -> None:
    pushed, _ = _one(json.dumps(webhook("quarantine.released")).encode())
    audit = _polled(
        audit_entry("quarantine.release", "quarantine/node-1/4F2A8C0D"), "audit.quarantine.release"
    )
    body = json.loads(audit.event.body)

    assert body["metadata"]["correlation_uid"] == pushed["metadata"]["correlation_uid"]
    assert body["metadata"]["uid"] != pushed["metadata"]["uid"]
    assert body["class_uid"] == 6003


def test_audit_entries_without_an_id_are_told_apart_by_what_they_say() -> None:
    one = _polled(audit_entry("domain.update", id=None), "audit.domain.update").event.uid
    reordered = dict(reversed(audit_entry("domain.update", id=None).items()))
    other = _polled(audit_entry("domain.update", id=None, result="failure"), "audit.domain.update").event.uid

    assert _polled(reordered, "audit.domain.update").event.uid == one
    assert other != one


def test_tenant_and_source_are_part_of_the_id() -> None:
    raw = json.dumps(webhook("quarantine.added")).encode()

    uids = {
        normalise_body(SPEC, t, s, raw, NOW)[0].event.uid for t, s in (("a", "b"), ("a", "c"), ("c", "b"))
    }

    assert len(uids) == 3


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None), max_size=12),
    st.sampled_from(
        ["", "<>", "a@b", "é@ü.example", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "::1%eth0"]
    ),
    st.lists(st.text(max_size=5) | st.integers(), max_size=3),
    st.dictionaries(
        st.sampled_from(["name", "ip", "type", "username", "id"]),
        st.text(max_size=5) | st.integers(),
        max_size=3,
    ),
)
INPUTS = [(g.spec, g.code, decode(g.path.read_bytes())) for g in goldens()]


def _paths(payload: dict[str, Any]) -> list[tuple[str, ...]]:
    inner = [(name, key) for name, value in payload.items() if isinstance(value, dict) for key in value]
    return [(name,) for name in payload] + inner


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_payloads_still_give_valid_events(data: st.DataObject) -> None:
    spec, code, payload = data.draw(st.sampled_from(INPUTS))
    payload = json.loads(json.dumps(payload))
    for path in data.draw(st.lists(st.sampled_from(_paths(payload)), max_size=4)):
        place = payload
        for name in path[:-1]:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[path[-1]] = data.draw(JUNK)
    item = Item(code=code, payload=payload, raw=json.dumps(payload).encode())

    found = normalise(spec, tenant="acme", source="s", item=item, received_ms=NOW)
    body = orjson.loads(found.event.body)

    assert schema_problems(body) == []
    assert [problem for problem in check(body) if "looks like seconds" not in problem] == []
    assert found.event.header.class_uid == body["class_uid"]
    assert uid_text(found.event.uid) == body["metadata"]["uid"]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_raise(raw: bytes) -> None:
    for found in _body(raw):
        assert schema_problems(orjson.loads(found.event.body)) == []


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_cut_and_flipped_bodies_never_raise(data: st.DataObject) -> None:
    raw = bytearray(json.dumps(webhook("quarantine.added")).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])

    for found in _body(cut):
        assert schema_problems(orjson.loads(found.event.body)) == []
