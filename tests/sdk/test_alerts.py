"""The facts that an alert tells, picked out of golden events."""

from pathlib import Path

import msgspec
import pytest

from hub.config.match import Match
from hub.model.event import Entry, Header
from hub.sdk.alerts import ALERT_MATCH, KINDS, alert_of, kind_of
from tests.factories.events import make_entry

GOLDEN = Path(__file__).parents[1] / "golden" / "mailguard"


def golden(name):
    body = msgspec.json.decode((GOLDEN / f"{name}.out.json").read_bytes())
    meta = body["metadata"]
    header = Header(
        tenant=meta["tenant_uid"],
        source=meta["log_provider"],
        class_uid=body["class_uid"],
        code=meta["event_code"],
        severity=body["severity_id"],
        domain="customer.example",
        time_ms=body["time"],
        recorded_ms=meta["logged_time"],
    )
    return Entry(seq=1, uid=bytes.fromhex(meta["uid"]), header=header, body=msgspec.json.encode(body))


def test_a_quarantined_mail_tells_who_what_and_why():
    alert = alert_of(golden("quarantine.added"))

    assert (alert.kind, alert.title, alert.severity) == ("quarantine.added", "Mail quarantined", "High")
    assert alert.event_id == "ec63717a3fda66f520121cd584871f4f"
    assert (alert.sender, alert.subject) == ("billing@phish.example", "Invoice overdue")
    assert alert.recipients == ("anna@customer.example", "ben@customer.example")
    assert (alert.spf, alert.dkim, alert.dmarc) == ("fail", "none", "fail")
    assert (alert.score, alert.client_ip, alert.reason) == (14.7, "203.0.113.9", "phishing")
    assert alert.details["queue_id"] == "4F2A8C0D"
    assert alert.count == 1


def test_a_finding_tells_what_it_is_about():
    assert alert_of(golden("dkim.rotation_due")).resource == "Customer.example"
    assert alert_of(golden("reputation.threshold_crossed")).client_ip == "203.0.113.9"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.out.json")), ids=lambda path: path.name)
def test_every_golden_has_a_kind(path):
    assert alert_of(golden(path.name.removesuffix(".out.json"))).kind in KINDS


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"email":[],"to":"x","evidences":[1],"unmapped":7,"count":"9"}']
)
def test_an_odd_body_leaves_the_facts_of_the_header(body):
    alert = alert_of(make_entry(1, code="quarantine.added", tenant="acme", body=body))

    assert (alert.tenant, alert.kind, alert.subject, alert.count) == ("acme", "quarantine.added", "", 1)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("quarantine.released", "quarantine.released"),
        ("alert.triggered", "dmarc.failure"),
        ("dns.dmarc_policy_clear", "dmarc.policy_drift"),
        ("hub.connector_blocked", "hub.health"),
        ("hub.digest", "hub.digest"),
        ("message.delivered", "other"),
    ],
)
def test_a_code_has_a_kind(code, kind):
    assert kind_of(code) == kind


def test_the_default_match_can_be_written_in_a_configuration():
    assert all(Match.model_validate(rule).rule() for rule in ALERT_MATCH)
