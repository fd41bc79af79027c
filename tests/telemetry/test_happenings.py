"""Every happening writes its line under its name and moves exactly its metrics."""

from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from hub.telemetry import happenings
from hub.telemetry.happenings import all_happenings
from hub.telemetry.happenings.base import Throttle, happening, hear
from hub.telemetry.happenings.intake import REASONS
from hub.telemetry.metrics import METRICS


@dataclass
class Fate:
    kind: str
    reason: str = ""


def fates(**kinds: int) -> list[Fate]:
    return [Fate(kind, f"why-{kind}") for kind, number in kinds.items() for _ in range(number)]


@dataclass(frozen=True)
class Case:
    call: str
    arguments: tuple[Any, ...]
    lines: tuple[str, ...]
    metrics: tuple[tuple[tuple[str, ...], float], ...] = ()


CASES = [
    Case(
        "webhook_accepted",
        ("h1", 3, 2),
        ("hub.webhook.accepted",),
        (
            (("mxhub_webhooks_total", "h1", "accepted"), 1),
            (("mxhub_events_recorded_total", "h1", "webhook"), 3),
            (("mxhub_events_repeated_total", "h1", "webhook"), 2),
        ),
    ),
    Case(
        "webhook_rejected",
        ("h2", "signature_mismatch", 401),
        ("hub.webhook.rejected",),
        ((("mxhub_webhooks_total", "h2", "signature_mismatch"), 1),),
    ),
    Case(
        "webhook_rejected",
        ("h3", "log_full", 503),
        ("hub.webhook.rejected", "hub.log.full"),
        ((("mxhub_webhooks_total", "h3", "log_full"), 1), (("mxhub_log_full_total",), 1)),
    ),
    Case(
        "digest_told",
        ("d1", 40, "stale"),
        ("hub.digest.told",),
        ((("mxhub_digests_total", "d1", "stale"), 1), (("mxhub_digested_total", "d1", "stale"), 40)),
    ),
    Case(
        "digest_refused",
        ("d2", 7, "400"),
        ("hub.digest.refused",),
        ((("mxhub_untold_total", "d2"), 7),),
    ),
    Case(
        "event_unmapped",
        ("h4", 2, "no mapper"),
        ("hub.event.unmapped",),
        ((("mxhub_events_unmapped_total", "h4"), 2),),
    ),
    Case(
        "poll_page",
        ("h5/audit", 10, 4),
        ("hub.poll.page",),
        (
            (("mxhub_poll_pages_total", "h5", "audit"), 1),
            (("mxhub_events_recorded_total", "h5", "poll"), 4),
            (("mxhub_events_repeated_total", "h5", "poll"), 6),
        ),
    ),
    Case(
        "poll_failed",
        ("h6/audit/lookback", "HTTP 500"),
        ("hub.poll.failed",),
        ((("mxhub_poll_failures_total", "h6", "audit/lookback", "failed"), 1),),
    ),
    Case(
        "poll_interrupted",
        ("h7/audit", "full"),
        ("hub.poll.interrupted",),
        ((("mxhub_poll_failures_total", "h7", "audit", "interrupted"), 1),),
    ),
    Case(
        "source_refused",
        ("h8/audit", "HTTP 401"),
        ("hub.source.refused",),
        ((("mxhub_poll_failures_total", "h8", "audit", "refused"), 1),),
    ),
    Case(
        "cursor_lost",
        ("h9/audit", "an hour is missing"),
        ("hub.source.cursor_lost",),
        ((("mxhub_poll_gaps_total", "h9", "audit"), 1),),
    ),
    Case("router_stale", (), ("hub.router.stale",), ((("mxhub_router_stale_total",), 1),)),
    Case(
        "delivered",
        ("c1@job-5", fates(delivered=5, retry=1), 250),
        ("hub.delivery.settled",),
        ((("mxhub_fates_total", "c1", "delivered"), 5), (("mxhub_fates_total", "c1", "retry"), 1)),
    ),
    Case(
        "delivered",
        ("c2", fates(parked=2, dropped=3), 0),
        ("hub.delivery.settled", "hub.delivery.parked", "hub.delivery.dropped"),
        ((("mxhub_fates_total", "c2", "parked"), 2), (("mxhub_drops_total", "why-dropped"), 3)),
    ),
    Case(
        "connector_blocked",
        ("c3", "HTTP 503"),
        ("hub.connector.blocked",),
        ((("mxhub_connector_blocks_total", "c3"), 1),),
    ),
    Case("connector_recovered", ("c3",), ("hub.connector.recovered",)),
    Case(
        "archive_retained", (7,), ("hub.archive.retained",), ((("mxhub_archive_removed_events_total",), 7),)
    ),
    Case("tenant_erased", ("globex", 12), ("hub.tenant.erased",), ((("mxhub_erased_events_total",), 12),)),
    Case("log_rolled_back", ("went back",), ("hub.log.rolled_back",), ((("mxhub_log_rolled_back",), 1),)),
    Case("log_accepted", ("went back",), ("hub.log.accepted",), ((("mxhub_log_rolled_back",), -1),)),
    Case("archive_stalled", ("disk full",), ("hub.archive.stalled",), ((("mxhub_archive_stalled",), 1),)),
    Case("archive_stalled", (None,), ("hub.archive.resumed",), ((("mxhub_archive_stalled",), -1),)),
    Case(
        "stage_interrupted",
        ("router", "gone"),
        ("hub.stage.interrupted",),
        ((("mxhub_stage_interruptions_total", "router"), 1),),
    ),
    Case(
        "server_restarted", ("killed", 1), ("hub.server.restarted",), ((("mxhub_server_restarts_total",), 1),)
    ),
    Case(
        "alarm",
        ("hub.disk_low", "disk", "low"),
        ("hub.alarm.raised",),
        ((("mxhub_alarms_total", "hub.disk_low"), 1),),
    ),
    Case(
        "config_reloaded",
        (1, 2, 3),
        ("hub.config.reloaded",),
        ((("mxhub_config_reloads_total", "applied"), 1),),
    ),
    Case(
        "config_refused",
        ("1 problem",),
        ("hub.config.refused",),
        ((("mxhub_config_reloads_total", "refused"), 1),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.call}{case.lines}")
def test_a_happening_writes_its_line_and_moves_its_metrics(case, monkeypatch):
    monkeypatch.setattr(Throttle, "held", lambda self, key: 0)  # other tests may just have had it said
    METRICS.set("mxhub_archive_stalled", to=int(case.arguments == (None,)))  # whatever other tests left there
    METRICS.set("mxhub_log_rolled_back", to=int(case.call == "log_accepted"))
    before = [METRICS.value(*metric) for metric, _ in case.metrics]

    with capture_logs() as lines:
        getattr(happenings, case.call)(*case.arguments)

    levels = {what.name: what.level for what in all_happenings()}
    assert [line["event"] for line in lines] == list(case.lines)
    assert [line["log_level"] for line in lines] == [levels[name] for name in case.lines]
    moved = [METRICS.value(*metric) - old for (metric, _), old in zip(case.metrics, before, strict=True)]
    assert moved == [by for _, by in case.metrics]


def test_every_happening_has_a_case():
    assert {name for case in CASES for name in case.lines} == {what.name for what in all_happenings()}


def test_names_of_lines_are_said_once():
    names = [what.name for what in all_happenings()]

    assert len(set(names)) == len(names)
    assert all(name.startswith("hub.") for name in names)


def test_everything_public_is_exported():
    for name in happenings.__all__:
        assert callable(getattr(happenings, name))


def test_a_refused_key_is_a_happening_of_its_own():
    with capture_logs() as lines:
        happenings.poll_failed("h10/audit", "HTTP 403", refused=True)

    assert [line["event"] for line in lines] == ["hub.source.refused"]


def test_what_a_client_sends_never_becomes_a_label():
    for number in range(3):
        happenings.webhook_rejected(f"guess-{number}", "unknown_source", 404)
    happenings.webhook_rejected("h11", "reason of a plugin", 400)

    assert METRICS.value("mxhub_webhooks_total", "-", "unknown_source") >= 3
    assert METRICS.value("mxhub_webhooks_total", "guess-0", "unknown_source") == 0
    assert METRICS.value("mxhub_webhooks_total", "h11", "other") == 1


def test_reasons_of_refusals_in_the_code_have_a_label():
    from pathlib import Path

    import hub

    sources = [*Path(hub.__path__[0]).glob("pipeline/ingest.py"), *Path(hub.__path__[0]).glob("app/door.py")]
    import re

    used = {
        found for path in sources for found in re.findall(r"refuse\(\s*\d{3},\s*\"(\w+)\"", path.read_text())
    }
    assert used
    assert used - {"too_many_connections"} <= REASONS


def test_a_limited_line_says_how_many_were_held_back():
    clock = [0.0]
    throttle = Throttle(10.0, lambda: clock[0])

    first = [throttle.held(("a",)), throttle.held(("a",)), throttle.held(("a",)), throttle.held(("b",))]
    clock[0] = 10.0
    second = [throttle.held(("a",)), throttle.held(("a",))]

    assert first == [0, None, None, 0]
    assert second == [2, None]


def test_held_back_lines_are_still_counted_and_said():
    seen: list[str] = []

    @happening("hub.test.limited", "warning", every_s=1000.0, by=("source",))
    def limited(source: str) -> None:
        """A limited line."""
        seen.append(source)

    with capture_logs() as lines:
        for _ in range(5):
            limited("a")
        limited("b")

    assert len(seen) == 6
    assert [line["source"] for line in lines] == ["a", "b"]


def test_lines_below_what_is_heard_are_not_made():
    hear("info")
    try:
        with capture_logs() as lines:
            happenings.webhook_accepted("h12", 1, 0)
            happenings.connector_recovered("c9")
    finally:
        hear("debug")

    assert [line["event"] for line in lines] == ["hub.connector.recovered"]
    assert METRICS.value("mxhub_webhooks_total", "h12", "accepted") == 1
