"""The rules for Prometheus name metrics and labels that exist, and the page says what to do about each."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from hub.api.metrics import stored_metrics
from hub.telemetry.metrics import Metrics
from hub.telemetry.table import TABLE
from tests.factories.api import make_services

ROOT = Path(__file__).parents[2]
(GROUP,) = YAML(typ="safe").load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
RULES = {rule["alert"]: rule for rule in GROUP["rules"]}
PAGE = (ROOT / "docs/howto/alerts.md").read_text()
_WORDS = {"absent", "or", "and", "by", "max", "min", "sum", "increase", "delta", "time", "unless"}
_TOKEN = re.compile(r"[a-zA-Z_:][\w:]*|\d+(?:\.\d+)?[smhd]?|==|!=|>=|<=|[-+*/<>(){}\[\],=]|\"[^\"]*\"|\s+")


def tokens(expr):
    found = _TOKEN.findall(expr)
    assert "".join(found) == expr, "something in it is no PromQL"
    return [token for token in found if not token.isspace()]


async def exposed():
    """Metric -> its labels, as a scrape of a hub shows them."""
    text = (await stored_metrics(make_services())).decode()
    labels = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return labels | {metric.name: set(metric.labels) for metric in TABLE}


def named(expr):
    """`(metrics, labels)` of an expression."""
    found = tokens(expr)
    groups = {
        label
        for at, token in enumerate(found)
        if token == "by"
        for label in found[at + 2 : found.index(")", at)]
        if label != ","
    }
    words = {token for token in found if re.fullmatch(r"[a-zA-Z_:][\w:]*", token)}
    return words - _WORDS - groups, groups


def test_there_are_five():
    assert len(RULES) == 5


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
async def test_a_rule_names_metrics_and_labels_that_exist(rule):
    metrics, labels = named(rule["expr"])
    known = await exposed()

    assert metrics
    assert metrics <= set(known)
    said = labels | set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert all(said <= known[metric] for metric in metrics if known[metric] or said)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_well_formed(rule):
    found = tokens(rule["expr"])

    for opened, closed in ("()", "[]", "{}"):
        depth = 0
        for token in found:
            depth += (token == opened) - (token == closed)
            assert depth >= 0
        assert depth == 0
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"\d+m", rule.get("for", "1m"))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_label_that_is_shown_survives_the_aggregation(rule):
    """`max by (connector)` leaves `connector` and nothing else."""
    _, labels = named(rule["expr"])
    text = " ".join(rule["annotations"].values())

    assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels


@pytest.mark.parametrize("name", RULES)
def test_the_page_says_what_it_means_and_what_to_do(name):
    section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    severity = RULES[name]["labels"]["severity"].title()

    assert section.lstrip().startswith(f"**{severity}.**")
    assert "\n1. " in section
    assert RULES[name]["annotations"]["runbook"] == f"docs/howto/alerts.md#{name.lower()}"


async def test_a_metric_of_a_rule_is_there_before_anything_happened():
    """An alert on a counter that appears with its first count would miss the first time."""
    said = (await Metrics().render()).decode()
    of_the_process = {metric.name for metric in TABLE if not metric.labels}
    named_there = {metric for rule in RULES.values() for metric in named(rule["expr"])[0] & of_the_process}

    assert named_there == {"mxhub_log_full_total", "mxhub_archive_stalled"}
    assert all(f"\n{name} " in said for name in named_there)
