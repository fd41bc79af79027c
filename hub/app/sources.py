"""From configuration to what ingest and polling need: doors and polls."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from hub.config.model import PollConfig, Settings
from hub.config.signature import schemes_of
from hub.pipeline.ingest import Door
from hub.pipeline.poll import Poll
from hub.registry import Registry
from hub.sdk.source import SourceSpec, Stream

__all__ = ["doors", "polls"]


def _spec(settings: Settings, name: str, registry: Registry) -> SourceSpec:
    config = settings.sources[name]
    spec = registry.source(config.vendor)
    return spec.adapt(spec, config.options)


def doors(settings: Settings, registry: Registry) -> Mapping[str, Door]:
    """Every configured source's entrance for webhooks."""
    return {name: _door(settings, name, registry) for name in settings.sources}


def _door(settings: Settings, name: str, registry: Registry) -> Door:
    config, spec = settings.sources[name], _spec(settings, name, registry)
    return Door(
        source=name,
        tenant=settings.tenant_of(name),
        spec=spec,
        schemes=schemes_of(config.signature, spec.schemes),
        secrets=tuple(secret.get_secret_value().encode() for secret in config.secrets),
        unsigned=config.unsigned,
    )


def polls(settings: Settings, registry: Registry) -> Mapping[str, Poll]:
    """Everything to walk, by key; look-back walks are polls of their own. A source without a URL only
    receives.
    """
    found: dict[str, Poll] = {}
    for name, config in settings.sources.items():
        spec = _spec(settings, name, registry)
        if not spec.base_url(config.options):
            continue
        for stream in spec.streams(config.options):
            walk = Poll(
                source=name, tenant=settings.tenant_of(name), spec=spec, stream=stream, every_s=stream.every_s
            )
            found |= {
                poll.key: poll for poll in _polls_of(walk, config.polls.get(stream.name) or PollConfig())
            }
    return found


def _polls_of(walk: Poll, wanted: PollConfig) -> Iterator[Poll]:
    if not wanted.enabled:
        return
    stream: Stream = walk.stream
    if wanted.lookback_s is not None:
        stream = stream.looking_back(wanted.lookback_s)
    yield replace(walk, stream=stream, every_s=wanted.every_s or stream.every_s)
    if stream.lookback is not None:
        yield replace(
            walk, stream=stream, every_s=wanted.lookback_every_s or stream.lookback_every_s, lookback=True
        )
