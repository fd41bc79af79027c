"""The hub's own health events."""

import json

import pytest

from hub.pipeline.normalise import normalise, normalise_body
from hub.sdk.source import Item
from hub.sources.mxhub import CODES, SPEC

NOW = 1_770_000_000_000


def _event(code: str, **payload: object) -> dict[str, object]:
    payload = {"code": code, "time_ms": NOW} | payload
    item = Item(code=code, payload=payload, raw=json.dumps(payload).encode())
    found = normalise(SPEC, tenant="t", source="mxhub", item=item, received_ms=NOW)
    assert found.unmapped_reason is None
    return dict(json.loads(found.event.body), id=found.event.uid)


def test_each_transition_is_its_own_event() -> None:
    code = "hub.connector_blocked"

    assert _event(code, connector="a")["id"] != _event(code, connector="a", time_ms=NOW + 1)["id"]
    assert _event(code, connector="a")["id"] != _event(code, connector="b")["id"]
    assert _event(code, connector="a")["id"] == _event(code, connector="a", message="another word")["id"]


@pytest.mark.parametrize("code", CODES)
def test_only_a_recovery_and_an_erasure_that_is_done_are_good_news(code: str) -> None:
    body = _event(code, subject="x", message="why")

    assert (body["status"] == "Success") == (code in {"hub.connector_recovered", "hub.tenant_erased"})
    assert "why" in str(body["message"])


def test_a_pushed_body_is_read_too() -> None:
    raw = json.dumps({"code": "hub.disk_low", "time_ms": NOW, "subject": "disk"}).encode()

    (found,) = normalise_body(SPEC, "t", "mxhub", raw, NOW)

    assert found.unmapped_reason is None


def test_a_health_event_without_its_time_is_a_base_event() -> None:
    (found,) = normalise_body(SPEC, "t", "mxhub", b'{"code":"hub.disk_low"}', NOW)

    assert found.unmapped_reason == "ValueError: a health event without time_ms"
