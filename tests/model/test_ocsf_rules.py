"""The rules beyond the schema: each one notices its own mistake."""

import json
from typing import Any

import pytest

from hub.model import ocsf_classes
from tests.factories.ocsf_rules import check
from tests.factories.ocsf_schema import _schemas
from tests.golden import goldens


def made(code: str) -> Any:
    """What becomes of an event of MailGuard's."""
    found = next(each for each in goldens() if each.spec.vendor == "mailguard" and each.code == code)
    return json.loads(found.out.read_text())


GOOD = made("quarantine.released")
FINDING = made("dkim.rotation_due")


def test_a_good_event_has_no_problem() -> None:
    assert check(GOOD) == check(FINDING) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"time": 1_777_621_333}, "looks like seconds"),
        ({"time": 1.5}, "not an integer"),
        ({"type_uid": 400903}, "type_uid"),
        ({"category_uid": 3}, "category_uid"),
        ({"class_uid": 17}, "none that we emit"),
        ({"activity_name": "Other"}, "without the source's own word"),
        ({"activity_name": ""}, "activity_name"),
        ({"activity_id": 3, "type_uid": 400903}, "is not 'Scan'"),
        ({"severity": "High"}, "severity 'High' is not 'Low'"),
        ({"severity_id": 99, "severity": "Other"}, "severity_id 99"),
        ({"disposition": "Deleted"}, "is not 'Restored'"),
        ({"status": "Success"}, "status without status_id"),
        ({"unmapped": "text"}, "unmapped is no object"),
        ({"raw_data": None}, "raw_data"),
        ({"email": {"to": [], "smtp_to": []}}, "email.smtp_to is deprecated"),
        ({"device": {"type_id": 99, "name": "x"}}, "device.type_id 99"),
    ],
)
def test_each_mistake_is_noticed(change: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in check(GOOD | change))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"profiles": ["security_control"]}, "actor needs profile host"),
        ({"profiles": ["host"]}, "need profile security_control"),
        ({"profiles": ["security_control", "host"]}, "not sorted"),
        ({"profiles": None}, "profiles is missing"),
        ({"version": "1.7.0"}, "version"),
        ({"uid": None}, "metadata.uid is missing"),
        ({"logged_time": 1_770_000_000}, "looks like seconds"),
    ],
)
def test_each_mistake_in_the_metadata_is_noticed(change: dict[str, Any], problem: str) -> None:
    broken = GOOD | {"metadata": GOOD["metadata"] | change}

    assert any(problem in found for found in check(broken))


def test_findings_have_status_words_of_their_own() -> None:
    assert FINDING["status"] == "New"
    assert any("status 'Success' is not 'New'" in found for found in check(FINDING | {"status": "Success"}))


def test_a_compliance_status_is_checked() -> None:
    broken = FINDING | {"compliance": FINDING["compliance"] | {"status": "Pass"}}

    assert any("compliance.status" in found for found in check(broken))


@pytest.mark.parametrize("kind", ocsf_classes.CLASSES.values(), ids=lambda kind: kind.name)
def test_our_tables_are_the_schemas(kind: ocsf_classes.OcsfClass) -> None:
    from ocsf_json_schema import get_ocsf_schema

    official = get_ocsf_schema("1.8.0")["classes"][kind.name]
    activities = {int(k): v["caption"] for k, v in official["attributes"]["activity_id"]["enum"].items()}

    assert kind.uid == official["uid"]
    assert {n: c.removesuffix(" Error") for n, c in kind.activities.items()} == {
        n: c.removesuffix(" Error") for n, c in activities.items()
    }
    assert set(kind.profiles) <= set(official["profiles"])
    assert _schemas() is _schemas()


@pytest.mark.parametrize(
    ("name", "captions"),
    [
        ("severity_id", ocsf_classes.SEVERITIES),
        ("action_id", ocsf_classes.ACTIONS),
        ("disposition_id", ocsf_classes.DISPOSITIONS),
        ("direction_id", ocsf_classes.DIRECTIONS),
        ("status_id", ocsf_classes.STATUSES),
    ],
)
def test_our_captions_are_the_schemas(name: str, captions: dict[int, str]) -> None:
    from ocsf_json_schema import get_ocsf_schema

    official = get_ocsf_schema("1.8.0")["classes"]["email_activity"]["attributes"][name]["enum"]

    assert captions == {int(k): v["caption"] for k, v in official.items()}
