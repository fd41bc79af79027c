"""Asking a server on a unix socket what it is and whether it is ready."""

from dataclasses import dataclass
from pathlib import Path

import redis.exceptions
from redis.asyncio import Redis

from hub.store.embedded.settings import EXPECTED

__all__ = ["Found", "ask", "is_ready", "set_option", "used_memory"]

ANSWER_S = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered."""

    pid: int
    name: str
    version: str
    folder: str
    """Its working directory."""
    durable: bool
    """Whether its settings are those that the embedded mode promises."""


def _client(socket: Path) -> Redis:
    return Redis(
        unix_socket_path=str(socket),
        socket_timeout=ANSWER_S,
        socket_connect_timeout=ANSWER_S,
        decode_responses=True,
        lib_name=None,
        lib_version=None,
    )


async def is_ready(socket: Path) -> bool | None:
    """True when it takes commands, False while it loads its log, `None` when it does not answer."""
    async with _client(socket) as client:
        try:
            await client.ping()
        except redis.exceptions.BusyLoadingError:
            return False
        except (redis.exceptions.RedisError, OSError):
            return None
    return True


async def ask(socket: Path) -> Found | None:
    """What answers on the socket, or `None` when nothing does. Answered while the log loads, too."""
    async with _client(socket) as client:
        try:
            info = await client.info("server")
            settings = {name: (await client.config_get(name)).get(name, "") for name in (*EXPECTED, "dir")}
        except (redis.exceptions.RedisError, OSError):
            return None
    valkey = info.get("server_name") == "valkey"
    return Found(
        pid=int(info["process_id"]),
        name="valkey" if valkey else "redis",
        version=str(info["valkey_version"] if valkey else info["redis_version"]),
        folder=settings.pop("dir", ""),
        durable=settings == EXPECTED,
    )


async def set_option(socket: Path, name: str, value: str) -> bool:
    """CONFIG SET; False when it did not answer or refused."""
    async with _client(socket) as client:
        try:
            await client.config_set(name, value)
        except (redis.exceptions.RedisError, OSError):
            return False
    return True


async def used_memory(socket: Path) -> int | None:
    """Bytes that its data takes, a bound on what a rewrite writes; `None` when it did not answer."""
    async with _client(socket) as client:
        try:
            return int((await client.info("memory"))["used_memory"])
        except (redis.exceptions.RedisError, OSError):
            return None
