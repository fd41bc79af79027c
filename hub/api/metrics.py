"""Metrics that are true across processes: read from the store at every scrape."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.api.services import Services
from hub.store.base import Book, Head, StoreError
from hub.store.state import SourceStatus

__all__ = ["STORED", "stored_metrics"]

_BOOK: Final[Mapping[str, tuple[str, Callable[[Book], float]]]] = {
    "mxhub_connector_recorded": ("Events recorded since the connector was added.", lambda b: b.recorded),
    "mxhub_connector_delivered": ("Events the destination has.", lambda b: b.delivered),
    "mxhub_connector_filtered": ("Events that no route sends there.", lambda b: b.filtered),
    "mxhub_connector_dropped": ("Events that ended as dropped.", lambda b: b.dropped),
    "mxhub_connector_parked": ("Events refused for good, waiting for an operator.", lambda b: b.parked),
    "mxhub_connector_pending": ("Events still to be routed or sent.", lambda b: b.pending),
    "mxhub_connector_queued": ("References in the queue.", lambda b: b.queued),
    "mxhub_connector_retrying": ("References in the retry set.", lambda b: b.retrying),
    "mxhub_connector_blocked": ("1 while the destination is down.", lambda b: b.blocked is not None),
    "mxhub_connector_balanced": ("1 while its books balance.", lambda b: b.balanced),
}  # fmt: skip
_HEAD: Final[Mapping[str, tuple[str, Callable[[Head], float]]]] = {
    "mxhub_log_seq": ("Last recorded seq.", lambda h: h.seq),
    "mxhub_log_routed": ("Last routed seq.", lambda h: h.routed),
    "mxhub_log_trimmed": ("Last seq that the log has forgotten.", lambda h: h.trim),
    "mxhub_log_generation": ("Generation of the route table.", lambda h: h.gen),
    "mxhub_log_entries": ("Events the log holds.", lambda h: h.log_entries),
    "mxhub_log_bytes": ("Bytes of events the log holds.", lambda h: h.log_bytes),
    "mxhub_dedupe_window_seconds": ("How far back repeats are known.", lambda h: h.dedupe_window_ms / 1000),
}  # fmt: skip
_SOURCE: Final[Mapping[str, tuple[str, Callable[[SourceStatus], float]]]] = {
    "mxhub_source_accepted": ("Events recorded for the first time.", lambda s: s.accepted),
    "mxhub_source_duplicate": ("Repeats dropped inside the dedupe window.", lambda s: s.duplicate),
    "mxhub_source_rejected": ("Refused webhook requests.", lambda s: s.rejected),
    "mxhub_source_unknown": ("Events that no mapper could read.", lambda s: s.unknown),
    "mxhub_source_failed_polls": ("Failed polls.", lambda s: s.errors),
    "mxhub_source_errors": ("Failed polls and refused webhook requests.", lambda s: s.errors + s.rejected),
    "mxhub_source_seen_seconds": ("When its last event came; 0 = never.", lambda s: s.last_event_ms / 1000),
    "mxhub_source_polled_seconds": ("Its last poll; 0 = never.", lambda s: s.last_poll_ms / 1000),
}  # fmt: skip
_UP = "mxhub_store_up"
_COUNTERS = "mxhub_counted"
_OFFSET = "mxhub_archive_offset"
STORED: Final[Mapping[str, str]] = {
    _UP: "1 when the log could be read for this scrape.",
    **{name: said for name, (said, _) in _HEAD.items()},
    **{name: said for name, (said, _) in _BOOK.items()},
    **{name: said for name, (said, _) in _SOURCE.items()},
    _OFFSET: "Last seq that the archive holds durably.",
    _COUNTERS + "_total": "Durable counters of all processes, by name.",
}
"""Name -> meaning of every metric that is read from the store."""


class _Read(Collector):
    """Families that were fetched before the rendering."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


async def stored_metrics(services: Services) -> bytes:
    """Prometheus text. Without the store it only says so: half a scrape must not look like a whole one."""
    try:
        families = [_up(1), *await _families(services)]
    except StoreError:
        families = [_up(0)]
    registry = CollectorRegistry()
    registry.register(_Read(families))
    return generate_latest(registry)


async def _families(services: Services) -> list[Metric]:
    head = await services.log.head()
    books = await services.log.books()
    status = {one.name: one for one in await services.state.sources()}
    counters = await services.state.counters()
    families: list[Metric] = [
        GaugeMetricFamily(name, said, value=float(read(head))) for name, (said, read) in _HEAD.items()
    ]
    families += [_book(name, said, read, books) for name, (said, read) in _BOOK.items()]
    families += [_source(services, name, said, read, status) for name, (said, read) in _SOURCE.items()]
    families.append(_counted(counters))
    if services.archive is not None:
        offset = await services.readers.run(services.archive.offset, services.log.partition)
        families.append(GaugeMetricFamily(_OFFSET, STORED[_OFFSET], value=float(offset)))
    return families


def _up(value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(_UP, STORED[_UP], value=float(value))


def _book(name: str, said: str, read: Callable[[Book], float], books: Iterable[Book]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, said, labels=("connector",))
    for book in books:
        family.add_metric((book.connector,), float(read(book)))
    return family


def _source(
    services: Services,
    name: str,
    said: str,
    read: Callable[[SourceStatus], float],
    status: Mapping[str, SourceStatus],
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, said, labels=("source", "vendor", "tenant"))
    for source, config in services.settings.sources.items():
        labels = (source, config.vendor, services.settings.tenant_of(source))
        family.add_metric(labels, float(read(status.get(source) or SourceStatus(name=source))))
    return family


def _counted(counters: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(_COUNTERS, STORED[_COUNTERS + "_total"], labels=("name",))
    for name, count in sorted(counters.items()):
        family.add_metric((name,), float(count))
    return family
