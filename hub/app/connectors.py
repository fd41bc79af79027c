"""From configuration to lanes: which sender serves a row."""

from dataclasses import replace
from hashlib import sha256
from typing import Final

from hub.config.model import ALERT_MAX_AGE_S, ConnectorConfig, Settings, StormConfig
from hub.pipeline.backoff import PROBES, RETRIES
from hub.pipeline.fate import Limits
from hub.pipeline.lane import Lane
from hub.pipeline.replay import base_of
from hub.pipeline.storm import StormRule
from hub.registry import Registry
from hub.sdk.connector import Connector, ConnectorSpec, Context

__all__ = ["TELL_AFTER_MS", "context_of", "lane_of", "make_connector"]

TELL_AFTER_MS: Final = 30_000
"""A block is news when it is sure to last so long: what is over sooner would only add to what waits."""


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
    is_replay = row != base_of(row)  # asked for by an operator: however old and however many
    return Lane(
        name=row,
        kind=config.kind,
        batch_events=min(config.batch_events or spec.batch_events, spec.batch_events),
        batch_bytes=spec.batch_bytes,
        concurrency=config.concurrency or spec.concurrency,
        deadline_s=config.deadline_s or spec.deadline_s,
        rate_per_s=config.rate_per_s or spec.rate_per_s,
        bucket=_bucket(base_of(row), config, spec),
        max_age_ms=None if is_replay else _max_age_ms(config, spec),
        storm=None if is_replay else _storm(config, spec),
        ordered=config.ordered,
        limits=Limits(attempts=config.max_attempts, backoff=replace(RETRIES, first_s=config.retry_first_s)),
        probes=replace(PROBES, most_s=config.probe_most_s),
        tell_after_ms=TELL_AFTER_MS,
    )


def _bucket(name: str, config: ConnectorConfig, spec: ConnectorSpec) -> str:
    """The destination's where it counts by one; its name is no secret any more."""
    if spec.bucket is None:
        return name
    return f"{spec.kind}:{sha256(spec.bucket(config.options).encode('utf-8', 'replace')).hexdigest()[:32]}"


def _max_age_ms(config: ConnectorConfig, spec: ConnectorSpec) -> int | None:
    auto = ALERT_MAX_AGE_S if spec.alerting else None
    max_age_s = auto if config.max_age_s == "auto" else config.max_age_s
    return None if max_age_s is None else int(max_age_s * 1000)


def _storm(config: ConnectorConfig, spec: ConnectorSpec) -> StormRule | None:
    auto = StormConfig() if spec.alerting else None
    storm = auto if config.storm == "auto" else config.storm
    return None if storm is None else StormRule(storm.after, int(storm.within_s * 1000))
