"""The metrics of a process, and the place where collectors add what they read from the store."""

from collections.abc import Awaitable, Callable, Iterable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from hub.telemetry.table import TABLE, Metric

__all__ = ["CONTENT_TYPE", "METRICS", "OTHER", "Metrics", "Provider"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
_MAX_CHILDREN = 5000
"""Label sets per metric; more are counted together as `other`, so that no defect can fill the memory."""

Provider = Callable[[], Awaitable[Iterable[Family]]]
"""Reads families (books, lags) from wherever they live, at the time of the scrape."""
_logger = structlog.get_logger("hub.telemetry.metrics")


class _Ready(Collector):
    """Families that were fetched before the rendering."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=registry)
        case "gauge":
            return Gauge(metric.name, metric.help, metric.labels, registry=registry)
        case "histogram":
            return Histogram(
                metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets
            )


class Metrics:
    """Counters, gauges and histograms of `hub.telemetry.table` by name; 0.4 us a count."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._families = {metric.name: _make(metric, self._registry) for metric in TABLE}
        self._children: dict[tuple[str, ...], Counter | Gauge | Histogram] = {}
        self._sizes = dict.fromkeys(self._families, 0)
        self._providers: list[Provider] = []
        ProcessCollector(namespace="mxhub", registry=self._registry)

    def add(self, provider: Provider) -> None:
        """Ask `provider` too whenever the metrics are read."""
        self._providers.append(provider)

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        if by:
            child = self._child(name, labels)
            assert isinstance(child, Counter)  # noqa: S101 - the table says so; this is for the type checker
            child.inc(by)

    def set(self, name: str, *labels: str, to: float) -> None:
        """Set a gauge."""
        child = self._child(name, labels)
        assert isinstance(child, Gauge)  # noqa: S101 - the table says so; this is for the type checker
        child.set(to)

    def observe(self, name: str, *labels: str, value: float) -> None:
        """Put a value into a histogram."""
        child = self._child(name, labels)
        assert isinstance(child, Histogram)  # noqa: S101 - the table says so; this is for the type checker
        child.observe(value)

    def value(self, name: str, *labels: str) -> float:
        """What a counter or gauge stands at (`<name>_sum`, `<name>_count` of a histogram), else 0."""
        known = next(metric for metric in TABLE if name.startswith(metric.name))
        return self._registry.get_sample_value(name, dict(zip(known.labels, labels, strict=True))) or 0.0

    def _child(self, name: str, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        found = self._children.get((name, *labels))
        if found is None:
            if labels and self._sizes[name] >= _MAX_CHILDREN:
                labels = (OTHER,) * len(labels)
            family = self._families[name]
            found = family.labels(*labels) if labels else family
            self._sizes[name] += (name, *labels) not in self._children
            self._children[name, *labels] = found
        return found

    async def render(self) -> bytes:
        """Everything as `CONTENT_TYPE`; a provider that fails is counted and left out."""
        fetched: list[Family] = []
        for provider in self._providers:
            try:
                fetched += await provider()
            except Exception as error:  # half the metrics are better than none when the store is down
                self.count("mxhub_scrape_failures_total")
                _logger.warning("hub.metrics.provider_failed", error=str(error))
        extra = CollectorRegistry()
        extra.register(_Ready(fetched))
        return generate_latest(self._registry) + generate_latest(extra)


METRICS = Metrics()
"""The metrics of this process: a process has one set of counters, as it has one `/metrics`."""
