"""From configuration to lanes: which sender serves a row."""

from dataclasses import replace

from hub.config.model import ConnectorConfig, Settings
from hub.pipeline.backoff import PROBES, RETRIES
from hub.pipeline.fate import Limits
from hub.pipeline.replay import base_of
from hub.pipeline.send import Lane
from hub.registry import Registry
from hub.sdk.connector import Connector, Context

__all__ = ["context_of", "lane_of", "make_connector"]


def context_of(name: str, config: ConnectorConfig, registry: Registry) -> Context:
    """What the connector is told besides its options."""
    spec = registry.connector(config.kind)
    return Context(
        name=name, deadline_s=config.deadline_s or spec.deadline_s, allow_networks=config.allow_networks
    )


def make_connector(name: str, config: ConnectorConfig, registry: Registry) -> Connector:
    """A connector that is not open yet."""
    return registry.connector(config.kind).make(config.options, context_of(name, config, registry))


def lane_of(row: str, settings: Settings, registry: Registry) -> Lane | None:
    """How a row is served; `None` for one whose connector is not configured (orphaned). A replay's row is
    served as its connector.
    """
    config = settings.connectors.get(base_of(row))
    if config is None:
        return None
    spec = registry.connector(config.kind)
    return Lane(
        name=row,
        kind=config.kind,
        batch_events=min(config.batch_events or spec.batch_events, spec.batch_events),
        batch_bytes=spec.batch_bytes,
        concurrency=config.concurrency or spec.concurrency,
        deadline_s=config.deadline_s or spec.deadline_s,
        rate_per_s=config.rate_per_s or spec.rate_per_s,
        bucket=base_of(row),
        max_age_ms=None if config.max_age_s is None or row != base_of(row) else int(config.max_age_s * 1000),
        ordered=config.ordered,
        limits=Limits(attempts=config.max_attempts, backoff=replace(RETRIES, first_s=config.retry_first_s)),
        probes=replace(PROBES, most_s=config.probe_most_s),
    )
