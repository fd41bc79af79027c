"""Which connectors an event goes to."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.event import Header
from hub.pipeline.match import Matcher


def header(**over):
    fields = {
        "tenant": "acme",
        "source": "mg",
        "class_uid": 4009,
        "code": "quarantine.added",
        "severity": 3,
        "domain": "mail.example.com",
        "time_ms": 1,
        "recorded_ms": 2,
    } | over
    return Header(**fields)


def test_an_empty_rule_wants_everything():
    assert Matcher({"all": [{}]}).match(header()) == ("all",)


def test_a_connector_without_rules_wants_nothing():
    assert Matcher({"none": []}).match(header()) == ()


def test_every_key_of_a_rule_must_hold():
    matcher = Matcher({"c": [{"tenant": ["acme"], "severity": [4, 5]}]})

    assert matcher.match(header(severity=3)) == ()
    assert matcher.match(header(severity=4)) == ("c",)


def test_any_rule_of_a_connector_suffices_and_names_it_once():
    matcher = Matcher({"c": [{"tenant": ["other"]}, {"source": ["mg"]}, {"code": ["quarantine.added"]}]})

    assert matcher.match(header()) == ("c",)


@pytest.mark.parametrize(
    ("pattern", "code", "wanted"),
    [
        ("quarantine.*", "quarantine.released", True),
        ("quarantine.*", "cert.expiring", False),
        ("*.expiring", "cert.expiring", True),
        ("*", "anything", True),
    ],
)
def test_code_takes_a_star_at_either_end(pattern, code, wanted):
    assert bool(Matcher({"c": [{"code": [pattern]}]}).match(header(code=code))) is wanted


def test_domain_takes_a_star_for_subdomains():
    matcher = Matcher({"c": [{"domain": ["*.example.com"]}]})

    assert matcher.match(header(domain="a.example.com")) == ("c",)
    assert matcher.match(header(domain="example.org")) == ()


def test_a_table_as_text_matches_like_its_object():
    table = {"a": [{"class": [4009]}], "b": [{"tenant": ["x"]}]}

    assert Matcher.from_text(orjson.dumps(table).decode()).match(header()) == ("a",)
    assert Matcher.from_text("").match(header()) == ()


VALUES = {
    "tenant": ["acme", "umbrella"],
    "source": ["mg", "mx"],
    "class": [4009, 2004],
    "code": ["quarantine.added", "cert.expiring"],
    "severity": [1, 3, 5],
    "domain": ["example.com", "a.example.com", ""],
}
RULES = st.dictionaries(st.sampled_from(sorted(VALUES)), st.just(None), max_size=6).flatmap(
    lambda keys: st.fixed_dictionaries(
        {key: st.lists(st.sampled_from(VALUES[key]), min_size=1, max_size=3, unique=True) for key in keys}
    )
)
TABLES = st.dictionaries(st.sampled_from("abcdef"), st.lists(RULES, max_size=4))
HEADERS = st.builds(
    header,
    tenant=st.sampled_from(VALUES["tenant"]),
    source=st.sampled_from(VALUES["source"]),
    class_uid=st.sampled_from(VALUES["class"]),
    code=st.sampled_from(VALUES["code"]),
    severity=st.sampled_from(VALUES["severity"]),
    domain=st.sampled_from(VALUES["domain"]),
)


def plainly(table, head):
    """The rule of the table, without index or cache."""
    values = {
        "tenant": head.tenant,
        "source": head.source,
        "class": head.class_uid,
        "code": head.code,
        "severity": head.severity,
        "domain": head.domain,
    }
    wants = lambda rules: any(all(values[key] in wanted for key, wanted in rule.items()) for rule in rules)  # noqa: E731
    return tuple(sorted(name for name, rules in table.items() if wants(rules)))


@given(TABLES, st.lists(HEADERS, min_size=1, max_size=5))
@pytest.mark.slow
def test_the_index_finds_what_reading_every_rule_finds(table, headers):
    matcher = Matcher(table)

    for head in headers + headers:  # the second time from the cache
        assert matcher.match(head) == plainly(table, head)
