"""Happenings on the way in: webhooks and polls.

A poll is named `<source>/<stream>`, its look-back `<source>/<stream>/lookback`.
"""

import time

from hub.telemetry.happenings.base import happening
from hub.telemetry.metrics import METRICS, OTHER

__all__ = [
    "REASONS",
    "cursor_lost",
    "event_unmapped",
    "log_full",
    "poll_failed",
    "poll_interrupted",
    "poll_page",
    "source_refused",
    "walk_failed",
    "webhook_accepted",
    "webhook_rejected",
]

REASONS = frozenset(
    {
        "bad_encoding",
        "body_too_large",
        "body_too_slow",
        "broken_transfer",
        "empty_body",
        "inflated_too_large",
        "internal",
        "log_full",
        "log_rolled_back",
        "log_unavailable",
        "tenant_erased",
        "not_accepting",
        "signature_malformed",
        "signature_mismatch",
        "signature_missing",
        "timestamp_malformed",
        "timestamp_missing",
        "timestamp_outside_tolerance",
        "too_busy",
        "too_many_connections",
        "too_many_events",
        "unknown_source",
        "unsupported_encoding",
    }
)
"""Reasons of a refusal that have a label of their own."""
_NOBODY = "-"
"""The `source` of requests to a name that is not configured: a client's text never becomes a label."""


@happening("hub.webhook.accepted", "debug")
def webhook_accepted(source: str, fresh: int, repeats: int) -> None:
    """A webhook's events are durable and were answered with 202."""
    METRICS.count("mxhub_webhooks_total", source, "accepted")
    _recorded(source, "webhook", fresh, repeats)


def webhook_rejected(source: str, reason: str, status: int) -> None:
    """A webhook was refused; a full log is a happening of its own besides."""
    _webhook_rejected(_NOBODY if reason == "unknown_source" else source, reason, status)
    if reason == "log_full":
        log_full()


@happening("hub.webhook.rejected", "warning", every_s=10.0, by=("source", "reason"))
def _webhook_rejected(source: str, reason: str, status: int) -> None:
    """A webhook was refused; `mxhub capture` and `mxhub verify` tell why a signature does not hold."""
    del status
    METRICS.count("mxhub_webhooks_total", source, reason if reason in REASONS else OTHER)


@happening("hub.log.full", "error", every_s=30.0)
def log_full() -> None:
    """The log is at its limit: webhooks get 503, polls wait until archive and router have caught up."""
    METRICS.count("mxhub_log_full_total")


@happening("hub.event.unmapped", "info", every_s=60.0, by=("source",))
def event_unmapped(source: str, events: int, reason: str) -> None:
    """Events that no mapper knew or could read were kept whole, as OCSF base events."""
    del reason
    METRICS.count("mxhub_events_unmapped_total", source, by=events)


@happening("hub.poll.page", "debug")
def poll_page(poll: str, events: int, fresh: int) -> None:
    """A page was fetched and its events recorded together with the cursor behind them."""
    source, stream = _parts(poll)
    METRICS.count("mxhub_poll_pages_total", source, stream)
    METRICS.set("mxhub_poll_last_page_timestamp_seconds", source, stream, to=time.time())
    _recorded(source, "poll", fresh, events - fresh)


def poll_failed(poll: str, reason: str, *, refused: bool = False) -> None:
    """A walk ended in trouble, with the vendor's refusal of our credentials as a case of its own."""
    if refused:
        source_refused(poll, reason)
    else:
        walk_failed(poll, reason)


@happening("hub.poll.failed", "warning", every_s=60.0, by=("poll",))
def walk_failed(poll: str, reason: str) -> None:
    """A page could not be fetched; the cursor stays where it was and the walk goes on later."""
    del reason
    METRICS.count("mxhub_poll_failures_total", *_parts(poll), "failed")


@happening("hub.source.refused", "error")
def source_refused(poll: str, reason: str) -> None:
    """The vendor refuses our credentials; the stream rests until they change or an hour has passed."""
    del reason
    METRICS.count("mxhub_poll_failures_total", *_parts(poll), "refused")


@happening("hub.poll.interrupted", "warning", every_s=60.0, by=("poll",))
def poll_interrupted(poll: str, reason: str) -> None:
    """The log took nothing, or another walk was faster; the cursor stays where it was."""
    del reason
    METRICS.count("mxhub_poll_failures_total", *_parts(poll), "interrupted")


@happening("hub.source.cursor_lost", "error")
def cursor_lost(poll: str, reason: str) -> None:
    """The vendor no longer knew the cursor; a gap event says what may be missing; the walk resumed."""
    del reason
    METRICS.count("mxhub_poll_gaps_total", *_parts(poll))


def _parts(poll: str) -> tuple[str, str]:
    source, _, stream = poll.partition("/")
    return source, stream


def _recorded(source: str, via: str, fresh: int, repeats: int) -> None:
    METRICS.count("mxhub_events_recorded_total", source, via, by=fresh)
    METRICS.count("mxhub_events_repeated_total", source, via, by=repeats)
    if fresh:
        METRICS.set("mxhub_source_last_event_timestamp_seconds", source, to=time.time())
