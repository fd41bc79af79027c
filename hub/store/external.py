"""Whether a Redis or Valkey that somebody else runs keeps what mxhub acknowledges."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis.exceptions
from redis.asyncio import Redis

from hub.store.base import StoreError, Unavailable

__all__ = ["External", "TooWeak", "check_external", "public_url"]

OLDEST = (7, 0)
REQUIRED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
MEANS = {
    "appendonly": "nothing survives a restart",
    "appendfsync": "a power cut loses what was acknowledged last",
    "maxmemory-policy": "a full server throws events away",
}
ANSWER_S = 5.0


class TooWeak(StoreError):
    """The server cannot keep the promises of a 2xx. The text names each setting, its value and what to do."""


@dataclass(frozen=True, slots=True)
class External:
    """A server that may be used."""

    name: str
    """`redis` or `valkey`."""
    version: str
    weaker: tuple[str, ...]
    """What was accepted although it weakens the promise, a sentence each; empty = as the embedded one."""


async def check_external(url: str, *, accept_weaker: bool = False) -> External:
    """Look at the server's version and settings before anything is written to it.

    With `accept_weaker` only the version can refuse; the weaknesses are returned. Raises `TooWeak`, or
    `Unavailable` when it cannot be reached. No message shows the URL's password.
    """
    shown = public_url(url)
    try:
        async with Redis.from_url(
            url, decode_responses=True, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S
        ) as client:
            info = await client.info("server")
            settings = await _settings(client)
    except (redis.exceptions.RedisError, OSError, ValueError) as error:
        raise Unavailable(f"redis_url {shown} cannot be used: {error}") from error
    name, version = _identity(info)
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise TooWeak(f"redis_url {shown} is {name} {version}; mxhub needs {OLDEST[0]}.{OLDEST[1]} or newer")
    weaker = _weaknesses(settings)
    if weaker and not accept_weaker:
        raise TooWeak(
            f"redis_url {shown} cannot keep what mxhub acknowledges: {'; '.join(weaker)}."
            f" Change that, or accept it with accept_weaker: true"
        )
    return External(name, version, tuple(weaker))


async def _settings(client: Redis) -> Mapping[str, str] | None:
    """The settings that matter, or `None` where the server keeps them to itself."""
    try:
        answers = [await client.config_get(name) for name in REQUIRED]
    except (redis.exceptions.ResponseError, redis.exceptions.AuthorizationError):
        return None
    return {name: str(value) for answer in answers for name, value in answer.items()}


def _identity(info: Mapping[str, Any]) -> tuple[str, str]:
    if info.get("server_name") == "valkey":
        return "valkey", str(info["valkey_version"])
    return "redis", str(info["redis_version"])


def _weaknesses(settings: Mapping[str, str] | None) -> list[str]:
    if settings is None:
        return ["it refuses CONFIG GET (as managed servers do), so that its settings cannot be confirmed"]
    found = {name: settings.get(name, "unknown") for name in REQUIRED}
    return [
        f"{name} is {found[name]!r} and must be {wanted!r} ({MEANS[name]})"
        for name, wanted in REQUIRED.items()
        if found[name] != wanted
    ]


def public_url(url: str) -> str:
    """The URL without its user, password and options, as it may be shown and logged."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
