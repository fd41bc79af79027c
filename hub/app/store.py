"""The log's server: the embedded one that we supervise, or the one that `redis_url` names."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.config.model import Settings
from hub.store.base import StoreError
from hub.store.client import Client
from hub.store.embedded.disk import Disk
from hub.store.embedded.runtime import open_runtime
from hub.store.embedded.server import FOLDER, EmbeddedServer
from hub.store.embedded.status import Status, log_status
from hub.store.external import check_external
from hub.store.log import Limits, RedisLog
from hub.store.rewriting import Rewriting
from hub.store.state import State
from hub.telemetry import happenings

__all__ = ["Store", "open_store"]

MIB = 1024 * 1024
ANSWER_S = 5.0
"""A server that says nothing for so long is unavailable: a request gets its 503 instead of hanging."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open log and state."""

    log: RedisLog
    state: State
    url: str
    """For arq, which connects by itself."""
    runtime: Path
    """Owner-only folder with a short path, for sockets."""
    rewriting: Rewriting
    """Makes the server's file anew, without what the log forgot."""
    closed: Callable[[], str | None]
    """Why nothing may be taken in now (disk below its reserve), or `None`; cheap, asked for every request."""

    async def ready(self) -> str | None:
        """`None` = the log is writable, else the reason."""
        if (why := self.closed()) is not None:
            return why
        try:
            return (await self.log.head()).rolled_back or None
        except StoreError as error:
            return str(error) or "the log cannot be reached"


def _limits(settings: Settings) -> Limits:
    log = settings.log
    return Limits(
        max_entries=log.max_entries,
        max_bytes=int(log.max_bytes),  # the settings' own kind of int is slow to send
        dedupe_ms=int(log.dedupe_hours * 3_600_000),
        dedupe_ids=log.dedupe_ids,
    )


def _closed(disk: Disk) -> Callable[[], str | None]:
    def why() -> str | None:
        if not disk.below_reserve():
            return None
        free, reserve = disk.free() // MIB, disk.reserve_bytes // MIB
        return f"{free} MB are free where the data lives, log.disk_reserve_mb is {reserve}: make room"

    return why


def _tell(status: Status) -> None:
    log_status(status)
    if status.state == "restarting":
        happenings.server_restarted(status.reason, status.restarts)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Start or reach the server, check that it keeps what it acknowledges, open the log.

    Raises `StoreError` with what to do.
    """
    reserve = settings.log.disk_reserve_mb * MIB
    async with AsyncExitStack() as stack:
        if settings.redis_url is None:
            maxmemory = settings.log.maxmemory_mb or 2 * settings.log.max_bytes // MIB
            server = EmbeddedServer(
                settings.data, maxmemory_bytes=maxmemory * MIB, reserve_bytes=reserve, tell=_tell
            )
            await stack.enter_async_context(server)
            url = f"unix://{server.unix_socket}"
        else:
            url = settings.redis_url
            await check_external(url, accept_weaker=settings.accept_weaker)
        redis = Client.from_url(
            url, decode_responses=False, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S
        )
        stack.push_async_callback(redis.aclose)
        log = RedisLog(redis, limits=_limits(settings))
        redis.greet = log.rejoin
        await log.open()
        yield Store(
            log=log,
            state=State(redis),
            url=url,
            runtime=open_runtime(settings.data),
            rewriting=Rewriting(redis, None if settings.redis_url else settings.data / FOLDER / "saved"),
            closed=_closed(Disk(settings.data, reserve)),
        )
