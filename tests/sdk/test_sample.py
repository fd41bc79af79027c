"""Made events: one of each kind of alert, valid, marked, and nobody's."""

import json
import re

import pytest

from hub.model.ids import uid_text
from hub.sdk.alerts import KINDS, alert_of
from hub.sdk.sample import LABEL, sample
from tests.factories.ocsf_rules import check
from tests.factories.ocsf_schema import schema_problems

NOW_MS = 1_777_620_133_000


def made(kind, nonce="1"):
    return sample(kind, tenant="acme", now_ms=NOW_MS, nonce=nonce)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_valid_ocsf(kind):
    body = json.loads(made(kind).body)

    assert schema_problems(body) == []
    assert check(body) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_an_alert_of_its_kind_that_says_what_it_is(kind):
    alert = alert_of(made(kind))

    assert (alert.kind, alert.tenant, alert.title) == (kind, "acme", KINDS[kind])
    assert alert.message.startswith("[TEST]")


@pytest.mark.parametrize("kind", KINDS)
def test_header_and_body_of_a_sample_agree(kind):
    entry = made(kind)
    body = json.loads(entry.body)

    assert body["metadata"]["labels"] == [LABEL]
    assert body["metadata"]["uid"] == uid_text(entry.uid)
    assert (body["metadata"]["event_code"], body["metadata"]["tenant_uid"]) == (kind, "acme")
    header = entry.header
    assert (body["class_uid"], body["severity_id"]) == (header.class_uid, header.severity)
    assert (body["time"], header.recorded_ms) == (NOW_MS, NOW_MS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_names_reserved_names_only(kind):
    text = made(kind).body.decode()

    assert set(re.findall(r"[\w.-]+@([\w.-]+)", text)) <= {"example.net", "example.com", "mxhub.example"}
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) <= {"192.0.2.25"}


def test_each_test_is_an_event_of_its_own():
    assert made("hub.health", "1").uid != made("hub.health", "2").uid
    assert made("hub.health", "1").uid == made("hub.health", "1").uid


def test_a_kind_that_there_is_none_of_is_an_error():
    with pytest.raises(KeyError):
        made("no.such.kind")
