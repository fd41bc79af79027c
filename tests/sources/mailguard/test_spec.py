"""The source as configured: credentials, polls, profile overrides, classes of audit actions."""

import json
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from hub.pipeline.normalise import normalise, normalise_body
from hub.sdk.source import Item
from hub.sources.mailguard import SPEC, MailGuardOptions
from hub.sources.mailguard.audit import audit_code
from tests.factories.mailguard import audit_entry, webhook

KEY = "nmg_" + "0" * 64
URL = "https://mg.example:3443/api/v1"


def test_polls_need_an_address_and_a_key() -> None:
    options = MailGuardOptions(url=URL, api_key=SecretStr(KEY))

    assert [stream.name for stream in SPEC.streams(options)] == ["audit", "quarantine"]
    assert SPEC.streams(MailGuardOptions(url=URL)) == ()
    assert SPEC.streams(MailGuardOptions(api_key=SecretStr(KEY))) == ()


def test_the_key_travels_in_its_header_and_never_in_a_repr() -> None:
    options = MailGuardOptions(url=URL, api_key=SecretStr(KEY))

    assert SPEC.auth(options) == {"X-API-Key": KEY}
    assert SPEC.base_url(options) == URL
    assert KEY not in repr(options)
    assert SPEC.auth(MailGuardOptions()) == {}


def test_a_url_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValidationError, match="url"):
        MailGuardOptions(url="mg.example")


def test_another_window_makes_another_look_back() -> None:
    (audit, _) = SPEC.streams(MailGuardOptions(url=URL, api_key=SecretStr(KEY)))

    assert audit.looking_back(3600).lookback_s == 3600
    assert audit.looking_back(0).lookback is None


def test_field_names_of_an_installation_are_honoured() -> None:
    options = MailGuardOptions(event_fields=("kind",), id_fields=("uuid",))
    spec = SPEC.adapt(SPEC, options)
    payload = webhook("quarantine.released")
    payload["kind"], payload["uuid"] = payload.pop("event"), payload.pop("id")

    (found,) = normalise_body(spec, "t", "s", json.dumps(payload).encode(), 1_770_000_000_000)
    body = json.loads(found.event.body)

    assert found.unmapped_reason is None
    assert body["metadata"]["event_code"] == "quarantine.released"
    assert body["metadata"]["original_event_uid"] == "evt_01HV9"


@pytest.mark.parametrize("name", ["event", "type", "event_type"])
def test_the_event_is_found_under_any_of_its_usual_names(name: str) -> None:
    payload = webhook("license.changed", {})
    payload[name] = payload.pop("event")

    (item,) = SPEC.split(json.dumps(payload).encode())

    assert item.code == "license.changed"


@pytest.mark.parametrize(
    ("action", "result", "type_uid"),
    [
        ("auth.login", "success", 300201),
        ("auth.logout", "success", 300202),
        ("auth.login_failed", "failure", 300201),
        ("api_key.rejected", "failure", 300201),
        ("api_key.create", "success", 300101),
        ("api_key.revoke", "success", 300106),
        ("user.password_reset", "success", 300104),
        ("user.totp_enable", "success", 300110),
        ("user.rename", "success", 300199),
        ("domain.create", "success", 300401),
        ("domain.update", "success", 300403),
        ("domain.delete", "success", 300404),
        ("filter.disable", "success", 300409),
        ("license.refresh", "success", 600208),
        ("settings.update", "success", 600208),
        ("quarantine.release", "success", 600303),
        ("quarantine.body", "success", 600302),
        ("report.export", "success", 600302),
        ("backup.create", "success", 600301),
        ("queue.purge", "success", 600304),
        ("something", "success", 600399),
        ("else.entirely", "success", 600399),
    ],
)
def test_audit_actions_have_their_class_by_resource_and_verb(action: str, result: str, type_uid: int) -> None:
    payload: dict[str, Any] = audit_entry(action, result=result)
    item = Item(code=audit_code(payload), payload=payload, raw=json.dumps(payload).encode())
    found = normalise(SPEC, tenant="t", source="s", item=item, received_ms=1_770_000_000_000)

    assert found.unmapped_reason is None
    assert json.loads(found.event.body)["type_uid"] == type_uid
    assert found.event.header.code == f"audit.{action}"


def test_an_entry_without_action_is_a_base_event() -> None:
    item = Item(code=audit_code({"id": "x"}), payload={"id": "x"}, raw=b'{"id":"x"}')

    found = normalise(SPEC, tenant="t", source="s", item=item, received_ms=1_770_000_000_000)

    assert found.event.header.class_uid == 0
    assert found.unmapped_reason == "ValueError: an audit entry without action"


def test_a_broken_seal_is_high_and_said() -> None:
    payload = audit_entry("domain.update", "domain/a.example", integrity="violation")
    item = Item(code=audit_code(payload), payload=payload, raw=json.dumps(payload).encode())

    body = json.loads(normalise(SPEC, tenant="t", source="s", item=item, received_ms=1).event.body)

    assert body["severity"] == "High"
    assert "integrity violation" in body["message"]
    assert body["unmapped"]["integrity"] == "violation"
