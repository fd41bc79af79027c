import re

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from hub.telemetry import metrics
from hub.telemetry.metrics import Metrics
from hub.telemetry.table import TABLE


def test_names_are_ours_and_said_once():
    names = [metric.name for metric in TABLE]

    assert len(set(names)) == len(names)
    for metric in TABLE:
        assert re.fullmatch(r"mxhub_[a-z_]+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.help.endswith(".")


async def test_what_was_counted_is_rendered():
    made = Metrics()
    made.count("mxhub_webhooks_total", "a", "accepted", by=2)
    made.count("mxhub_webhooks_total", "a", "accepted")
    made.set("mxhub_archive_stalled", to=1)
    made.observe("mxhub_delivery_lag_seconds", value=0.02)

    families = {
        family.name: family for family in text_string_to_metric_families((await made.render()).decode())
    }

    (sample,) = [s for s in families["mxhub_webhooks"].samples if s.name.endswith("_total")]
    assert (sample.labels, sample.value) == ({"source": "a", "result": "accepted"}, 3.0)
    assert families["mxhub_archive_stalled"].samples[0].value == 1.0
    assert all(name.startswith("mxhub_") for name in families)


async def test_providers_are_asked_at_every_reading():
    made = Metrics()
    seen = [0]

    async def books():
        seen[0] += 1
        return [GaugeMetricFamily("mxhub_books_pending", "Pending.", value=seen[0])]

    made.add(books)

    assert b"mxhub_books_pending 1.0" in await made.render()
    assert b"mxhub_books_pending 2.0" in await made.render()


async def test_a_provider_that_fails_is_counted_and_hides_nothing_else():
    made = Metrics()

    async def broken():
        raise ConnectionError("the store is down")

    made.add(broken)
    made.count("mxhub_log_full_total")

    text = await made.render()

    assert b"mxhub_log_full_total 1.0" in text
    assert b"mxhub_scrape_failures_total 1.0" in text


def test_labels_are_bounded(monkeypatch):
    monkeypatch.setattr(metrics, "_MAX_CHILDREN", 10)
    made = Metrics()

    for number in range(50):
        made.count("mxhub_drops_total", f"reason-{number}")

    assert made.value("mxhub_drops_total", "reason-9") == 1
    assert made.value("mxhub_drops_total", "reason-10") == 0
    assert made.value("mxhub_drops_total", "other") == 40


def test_nothing_is_added_for_nothing():
    made = Metrics()

    made.count("mxhub_drops_total", "stale", by=0)

    assert made.value("mxhub_drops_total", "stale") == 0


def test_a_name_that_is_not_in_the_table_is_a_defect():
    with pytest.raises(KeyError):
        Metrics().count("mxhub_typo_total")
