from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hub.config import ConfigError, load_text
from hub.model.event import Header
from hub.pipeline.match import KEYS, Matcher
from tests.factories.config import FakeRegistry, pipe


def connector(rest: str):
    return load_text(
        f"connectors: {{out: {{kind: pipe, url: 'https://x', {rest}}}}}", registry=FakeRegistry()
    )


def rules(match: str):
    return connector(f"match: {match}").connectors["out"].rules()


def test_without_match_everything_is_wanted():
    assert connector("ordered: true").routes() == {"out": [{}]}


def alerting(rest: str):
    kinds = {"pipe": replace(pipe(), alerting=True)}
    text = f"connectors: {{out: {{kind: pipe, url: 'https://x'{rest}}}}}"
    return load_text(text, registry=FakeRegistry(kinds=kinds)).connectors["out"].rules()


def test_without_match_an_alerting_connector_gets_the_alerts():
    wanted = Matcher({"out": alerting("")})

    def goes_out(code: str, severity: int = 1) -> bool:
        header = Header("t", "s", 4009, code, severity, "", 0, 0)
        return bool(list(wanted.match(header)))

    alerts = ("quarantine.added", "dmarc.policy_drift", "license.changed", "hub.connector_blocked")
    assert all(map(goes_out, alerts))
    assert goes_out("report.received", 3)
    assert not goes_out("report.received", 1)
    assert not goes_out("message.delivered")
    assert not goes_out("audit.auth.login")


def test_an_alerting_connector_with_a_match_gets_what_it_says():
    assert alerting(", match: {tenant: acme}") == [{"tenant": ["acme"]}]


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("3", [3]),
        ("high", [4]),
        ('">=3"', [3, 4, 5, 6]),
        ('">=high"', [4, 5, 6]),
        ('"> 5"', [6]),
        ('"<2"', [0, 1]),
        ('"<=low"', [0, 1, 2]),
        ("[unknown, other]", [0, 99]),
        ("[Low, '>=fatal']", [2, 6]),
    ],
)
def test_severity_is_a_number_a_name_or_a_comparison(severity, expected):
    assert rules(f"{{severity: {severity}}}") == [{"severity": expected}]


@pytest.mark.parametrize(
    "severity", ["7", "98", "-1", "true", "1.5", "''", "'>=99'", "'=>3'", "[]", "{a: b}", "null1"]
)
def test_what_is_no_severity_is_refused(severity):
    with pytest.raises(ConfigError):
        rules(f"{{severity: {severity}}}")


def test_one_condition_may_stand_without_a_list_and_one_value_too():
    assert rules("{tenant: a, code: [x, 'y.*'], class: 2004}") == [
        {"tenant": ["a"], "class": [2004], "code": ["x", "y.*"]}
    ]


def test_domains_are_compared_in_lower_case():
    assert rules("{domain: '*.Example.COM'}") == [{"domain": ["*.example.com"]}]


def test_the_rules_are_what_the_router_understands():
    table = connector("match: [{code: 'quarantine.*', severity: '>=high'}, {domain: '*.b.example'}]").routes()
    matcher = Matcher(table)

    def match(code: str, severity: int, domain: str) -> tuple[str, ...]:
        return matcher.match(Header("t", "s", 2004, code, severity, domain, 0, 0))

    assert match("quarantine.added", 4, "") == ("out",)
    assert match("quarantine.added", 3, "") == ()
    assert match("other", 1, "a.b.example") == ("out",)
    assert {key for rule in table["out"] for key in rule} <= set(KEYS)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("now", None),
        ("beginning", 0),
        ("2026-05-01", int(datetime(2026, 5, 1, tzinfo=UTC).timestamp() * 1000)),
        ("2026-05-01T10:00:00+02:00", int(datetime(2026, 5, 1, 8, tzinfo=UTC).timestamp() * 1000)),
        ("'2026-05-01 08:00'", int(datetime(2026, 5, 1, 8, tzinfo=UTC).timestamp() * 1000)),
    ],
)
def test_from_is_now_the_beginning_or_a_time(written, expected):
    assert connector(f"from: {written}").connectors["out"].start_ms == expected
