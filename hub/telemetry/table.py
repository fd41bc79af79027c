"""Every metric that a process writes itself: the one table that creates, bounds and documents them.

What has to be true across processes (the books, lags, blocked connectors) is read from the store when
somebody asks and is not here. Labels take values of the configuration or of fixed lists, never what a client
sends.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["TABLE", "Metric"]

_LAG_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86400.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


TABLE = (
    Metric(
        "mxhub_webhooks_total",
        "counter",
        "Webhook requests, by `accepted` or the reason of the refusal.",
        ("source", "result"),
    ),
    Metric(
        "mxhub_events_recorded_total", "counter", "Events recorded for the first time.", ("source", "via")
    ),
    Metric(
        "mxhub_events_repeated_total",
        "counter",
        "Repeats dropped inside the dedupe window.",
        ("source", "via"),
    ),
    Metric(
        "mxhub_events_unmapped_total",
        "counter",
        "Events kept as OCSF base events because no mapper knew or could read them.",
        ("source",),
    ),
    Metric(
        "mxhub_source_last_event_timestamp_seconds",
        "gauge",
        "When a source's last new event was recorded.",
        ("source",),
    ),
    Metric("mxhub_log_full_total", "counter", "Times the log refused events because it was at its limit."),
    Metric("mxhub_poll_pages_total", "counter", "Pages fetched and recorded.", ("source", "stream")),
    Metric(
        "mxhub_poll_failures_total",
        "counter",
        "Walks that ended in trouble: failed, refused, interrupted.",
        ("source", "stream", "end"),
    ),
    Metric(
        "mxhub_poll_gaps_total", "counter", "Cursors that the vendor no longer knew.", ("source", "stream")
    ),
    Metric(
        "mxhub_poll_last_page_timestamp_seconds",
        "gauge",
        "When a page was last recorded.",
        ("source", "stream"),
    ),
    Metric("mxhub_router_stale_total", "counter", "Routing steps refused because the world had moved on."),
    Metric(
        "mxhub_fates_total",
        "counter",
        "Fates written: delivered, retry, postponed, parked, dropped; a retry counts at each attempt.",
        ("connector", "fate"),
    ),
    Metric("mxhub_drops_total", "counter", "Events that ended as dropped, by reason.", ("reason",)),
    Metric(
        "mxhub_delivery_lag_seconds",
        "histogram",
        "From recording to settling, a batch's oldest.",
        (),
        _LAG_SECONDS,
    ),
    Metric("mxhub_connector_blocks_total", "counter", "Times a destination became blocked.", ("connector",)),
    Metric(
        "mxhub_digests_total",
        "counter",
        "Messages that told of many events: too old to be sent (stale), or a storm.",
        ("connector", "why"),
    ),
    Metric(
        "mxhub_digested_total",
        "counter",
        "Events that a connector was told of by their number only.",
        ("connector", "why"),
    ),
    Metric(
        "mxhub_untold_total", "counter", "Events of digests that the destination refused.", ("connector",)
    ),
    Metric("mxhub_archive_stalled", "gauge", "1 while the archive cannot be written."),
    Metric("mxhub_log_rolled_back", "gauge", "1 when this process saw events that the log's server lost."),
    Metric("mxhub_archive_removed_events_total", "counter", "Events gone by retention."),
    Metric("mxhub_erased_events_total", "counter", "Records of the archive erased with their tenant."),
    Metric(
        "mxhub_stage_interruptions_total", "counter", "Rounds of a stage that ended in trouble.", ("stage",)
    ),
    Metric("mxhub_server_restarts_total", "counter", "Restarts of the embedded server."),
    Metric("mxhub_alarms_total", "counter", "Alarms raised about the hub's own health.", ("code",)),
    Metric(
        "mxhub_config_reloads_total",
        "counter",
        "Reloads of the configuration: applied or refused.",
        ("result",),
    ),
    Metric(
        "mxhub_core_requests_total",
        "counter",
        "Requests the core answered, on its own API (`api`) or a dialect's, by class of the status.",
        ("api", "status"),
    ),
    Metric(
        "mxhub_core_recipients_total",
        "counter",
        "Recipients whose fate was decided: relayed, failed, quarantined, rejected, discarded.",
        ("fate",),
    ),
    Metric(
        "mxhub_core_possible_duplicates_total",
        "counter",
        "Deliveries whose answer was lost: made again, they may arrive twice.",
    ),
    Metric("mxhub_core_job_failures_total", "counter", "Failed runs of a background job.", ("job",)),
    Metric("mxhub_core_held", "gauge", "Messages in quarantine, of all tenants; read every 15 s."),
    Metric("mxhub_core_outbox_waiting", "gauge", "Events that wait to go out; read every 15 s."),
    Metric(
        "mxhub_core_anchored_timestamp_seconds",
        "gauge",
        "When the audit log's chains were last compared with their anchors, and held.",
    ),
    Metric("mxhub_scrape_failures_total", "counter", "Collectors that failed while metrics were read."),
)
