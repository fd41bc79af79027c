"""What `mxhub check` finds out by asking: the log's server, every vendor's API, every destination.

A source is asked for the first page of each stream, as a first poll would: address, TLS, credentials and the
shape of the answer are all proven; nothing is recorded and no cursor moves. A connector is asked by its own
`probe`.
"""

import asyncio
import time
from collections.abc import Awaitable, Mapping

from hub.cli.findings import Finding
from hub.config.assemble import Registry
from hub.config.model import ConnectorConfig, Settings, SourceConfig
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.http import Client, HttpError
from hub.sdk.source import Answer, Call, PollFailed, SourceSpec, Stream

__all__ = ["online_findings"]

_DEADLINE_S = 15.0
_MAX_PAGE_BYTES = 32 * 1024 * 1024
_AT_ONCE = 10
_SLOW = frozenset({429, 503})


async def online_findings(settings: Settings, registry: Registry) -> list[Finding]:
    """Ask everybody, ten at a time, each within 15 s; one finding per stream, connector and server."""
    gate = asyncio.Semaphore(_AT_ONCE)
    asked = [*_servers(settings), *_sources(settings, registry), *_connectors(settings, registry)]

    async def one(subject: str, probe: Awaitable[str]) -> Finding:
        async with gate:
            return await _found(subject, probe)

    return list(await asyncio.gather(*(one(subject, probe) for subject, probe in asked)))


async def _found(subject: str, probe: Awaitable[str]) -> Finding:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            return Finding(subject, "ok", await probe)
    except _Skipped as why:
        return Finding(subject, "skipped", str(why))
    except TimeoutError:
        return Finding(subject, "failed", f"no answer within {_DEADLINE_S:g} s")
    except (PollFailed, HttpError, DestinationFailed) as error:
        return Finding(subject, "failed", str(error))
    except Exception as error:  # a foreign library's own exceptions: the report names them and goes on
        return Finding(subject, "failed", f"{type(error).__name__}: {error}"[:300])


class _Skipped(Exception):
    """There is nothing to ask."""


def _servers(settings: Settings) -> list[tuple[str, Awaitable[str]]]:
    urls = {"redis_url": settings.redis_url, "jobs_redis_url": settings.jobs_redis_url}
    return [(name, _ping(url)) for name, url in urls.items() if url is not None]


async def _ping(url: str) -> str:
    from redis.asyncio import Redis

    client: Redis = Redis.from_url(url, socket_connect_timeout=_DEADLINE_S, socket_timeout=_DEADLINE_S)
    async with client:
        info = await client.info("server")
    name, version = (
        ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    )
    return f"{name} {version} answers"


def _sources(settings: Settings, registry: Registry) -> list[tuple[str, Awaitable[str]]]:
    asked: list[tuple[str, Awaitable[str]]] = []
    for name, source in settings.sources.items():
        spec = registry.source(source.vendor)
        off = {stream for stream, poll in source.polls.items() if not poll.enabled}
        streams = [stream for stream in spec.streams(source.options) if stream.name not in off]
        if not streams or not spec.base_url(source.options):
            asked.append((f"source {name}", _nothing("it only receives webhooks")))
        asked += [(f"source {name} {stream.name}", _first_page(spec, source, stream)) for stream in streams]
    return asked


async def _nothing(why: str) -> str:
    raise _Skipped(why)


async def _first_page(spec: SourceSpec, source: SourceConfig, stream: Stream) -> str:
    async with Client(
        deadline_s=_DEADLINE_S, max_bytes=_MAX_PAGE_BYTES, allow_networks=source.allow_networks, connections=1
    ) as client:
        page = await stream.fetch(_call(client, spec, source), None, time.time_ns() // 1_000_000)
    return f"answers; {len(page.items)} entries on the first page"


def _call(client: Client, spec: SourceSpec, source: SourceConfig) -> Call:
    base, auth = spec.base_url(source.options).rstrip("/"), dict(spec.auth(source.options))

    async def call(
        method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        response = await client.request(method, base + path, headers=auth, params=params, body=body)
        if response.status in _SLOW:
            raise PollFailed(f"HTTP {response.status}: slow down", retry_after_s=response.retry_after_s)
        return Answer(status=response.status, headers=response.headers, body=response.body)

    return call


def _connectors(settings: Settings, registry: Registry) -> list[tuple[str, Awaitable[str]]]:
    return [
        (f"connector {name}", _destination(name, one, registry)) for name, one in settings.connectors.items()
    ]


async def _destination(name: str, connector: ConnectorConfig, registry: Registry) -> str:
    spec = registry.connector(connector.kind)
    if spec.probe is None:
        raise _Skipped(f"{connector.kind} has no probe")
    deadline_s = min(connector.deadline_s or spec.deadline_s, _DEADLINE_S)
    context = Context(name=name, deadline_s=deadline_s, allow_networks=connector.allow_networks)
    return await spec.probe(connector.options, context)
