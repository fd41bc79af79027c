"""From configuration to what ingest and polling need: doors and polls."""

from collections.abc import Mapping

from hub import registry
from hub.config.model import Settings, SourceConfig
from hub.config.signature import schemes_of
from hub.pipeline.ingest import Door
from hub.pipeline.poll import Poll
from hub.sdk.source import SourceSpec, Stream

__all__ = ["doors", "polls"]


def doors(settings: Settings) -> Mapping[str, Door]:
    """Every configured source's entrance for webhooks."""
    return {name: _door(name, settings.tenant_of(name), config) for name, config in settings.sources.items()}


def _door(name: str, tenant: str, config: SourceConfig) -> Door:
    spec = registry.source(config.vendor)
    return Door(
        source=name,
        tenant=tenant,
        spec=spec,
        schemes=schemes_of(config.signature, spec.schemes),
        secrets=tuple(secret.get_secret_value().encode() for secret in config.secrets),
        unsigned=config.unsigned,
    )


def polls(settings: Settings) -> Mapping[str, Poll]:
    """Everything to walk, by key; look-back walks are polls of their own."""
    found: dict[str, Poll] = {}
    for name, config in settings.sources.items():
        spec = registry.source(config.vendor)
        for stream in spec.streams(config.options):
            for poll in _polls_of(name, settings.tenant_of(name), spec, stream, config):
                found[poll.key] = poll
    return found


def _polls_of(name: str, tenant: str, spec: SourceSpec, stream: Stream, config: SourceConfig) -> list[Poll]:
    wanted = config.polls.get(stream.name)
    if wanted is not None and not wanted.enabled:
        return []
    every = (wanted.every_s if wanted else None) or stream.every_s
    walk = Poll(source=name, tenant=tenant, spec=spec, stream=stream, every_s=every)
    if stream.lookback is None or (wanted is not None and wanted.lookback_s == 0):
        return [walk]
    again = (wanted.lookback_every_s if wanted else None) or stream.lookback_every_s
    return [walk, Poll(source=name, tenant=tenant, spec=spec, stream=stream, every_s=again, lookback=True)]
