"""What the API's handlers are given: one typed container, made by the composition root."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol, TypeVar

from aiohttp import web

from hub.access.principal import Principal
from hub.archive.base import Archive, ErasureCheck
from hub.archive.query import Query
from hub.config.model import Settings
from hub.store.base import Log
from hub.store.state import State
from hub.telemetry.metrics import Metrics
from hub.web.access import Authenticate
from hub.web.errors import RateLimited
from hub.web.idempotency import IdempotencyStore, MemoryIdempotency

__all__ = [
    "SERVICES",
    "Backups",
    "Capture",
    "Captures",
    "Erasure",
    "Erasures",
    "Invited",
    "Job",
    "Readers",
    "Replays",
    "Services",
    "Tested",
    "services_of",
]

T = TypeVar("T")

_BATCH = 250
_MAX_STREAMS = 4


class Job(Protocol):
    """A replay: an archive query whose hits go to one connector."""

    @property
    def id(self) -> str: ...
    @property
    def connector(self) -> str: ...
    @property
    def matched(self) -> int: ...
    @property
    def pushed(self) -> int: ...
    @property
    def delivered(self) -> int: ...
    @property
    def parked(self) -> int: ...
    @property
    def state(self) -> str:
        """`running` (pushing), `sending`, `done`, `cancelled`, `dry-run`."""
        ...

    @property
    def created_ms(self) -> int: ...


class Replays(Protocol):
    async def start(self, connector: str, query: Query, *, dry_run: bool = False) -> Job:
        """Raises `LookupError` when there is no such connector. A dry run only counts."""
        ...

    async def get(self, job_id: str, /) -> Job | None: ...

    async def list(self) -> Sequence[Job]: ...

    async def cancel(self, job_id: str, /) -> Job | None: ...

    async def renamed(self) -> None:
        """The connectors behind some jobs have other names."""
        ...

    async def forgotten(self, connector: str) -> None:
        """The connector is gone, and its jobs with it."""
        ...


class Erasure(Protocol):
    """One that runs."""

    @property
    def id(self) -> int: ...
    @property
    def tenant(self) -> str: ...
    @property
    def asked_by(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def holder(self) -> str: ...


class Erasures(Protocol):
    async def start(self, tenant: str, asked_by: str) -> Erasure: ...

    async def running(self, tenant: str) -> Erasure | None: ...

    async def reopen(self, tenant: str) -> bool:
        """Raises `LookupError` while its erasure runs."""
        ...

    async def closed(self) -> frozenset[str]: ...

    def records(self, *, check: bool) -> Sequence[ErasureCheck]:
        """Blocks."""
        ...


class Capture(Protocol):
    """A source's refused requests, kept for a limited time."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def until_ms(self) -> int: ...
    @property
    def requests(self) -> int: ...
    @property
    def bytes(self) -> int: ...


class Captures(Protocol):
    async def start(self, source: str, minutes: int) -> Capture: ...

    async def list(self) -> Sequence[Capture]: ...

    async def read(self, capture_id: str, /) -> bytes | None: ...


class Tested(Protocol):
    """What became of a made event that was sent past the queues (`hub.app.send_test`)."""

    @property
    def connector(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def outcome(self) -> str:
        """`delivered`, `retry`, `rejected`, `blocked`."""
        ...

    @property
    def reason(self) -> str: ...
    @property
    def took_ms(self) -> int: ...


class Backups(Protocol):
    def stream(self) -> AsyncGenerator[bytes, None]:
        """A back-up file piece by piece. Raises an `ApiError`, `StoreError` or `ArchiveError` that says why
        there is none.
        """
        ...


class Invited(Protocol):
    """A tenant that was made, and how its first administrator comes in."""

    @property
    def tenant(self) -> str: ...
    @property
    def login(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def expires_ms(self) -> int: ...


class Readers:
    """Blocking archive calls on threads of their own: a slow search holds up neither ingest nor look-ups."""

    def __init__(self, threads: int = 4) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="archive-read")
        self._streams = 0

    async def run(self, call: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    async def stream(self, make: Callable[[], Iterator[T]]) -> AsyncIterator[list[T]]:
        """The iterator's items in lists. It stays on one thread all along, as SQLite's cursors must.

        Raises `RateLimited` when four are running already.
        """
        if self._streams >= _MAX_STREAMS:
            raise RateLimited(
                f"{_MAX_STREAMS} exports are running; try again when one is done.", retry_after_s=10
            )
        self._streams += 1
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="archive-export")
        try:
            items = await loop.run_in_executor(thread, make)
            while batch := await loop.run_in_executor(thread, lambda: list(islice(items, _BATCH))):
                yield batch
        finally:
            self._streams -= 1
            thread.shutdown(wait=False)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True, kw_only=True)
class Services:
    """Shared by every listener's application."""

    log: Log
    state: State
    archive: Archive | None
    settings: Settings
    """Replaced on a reload; everything else stays."""
    replays: Replays
    erasures: Erasures
    captures: Captures
    ready: Callable[[], Awaitable[str | None]]
    """`None` = the log is writable, else the reason."""
    send_test: Callable[[str, str], Awaitable[Tested]]
    """`(connector, kind of event)`: send a made event from this process, past every queue and book."""
    backups: Backups | None = None
    """`None` where the log is on a server that is not ours."""
    metrics: Metrics = field(default_factory=Metrics)
    readers: Readers = field(default_factory=Readers)
    idempotency: IdempotencyStore = field(default_factory=MemoryIdempotency)
    gate: Authenticate | None = None
    """Where keys and people are known: set by whoever runs a core beside the hub."""
    hidden: Callable[[Principal], Awaitable[frozenset[str]]] | None = None
    """Domains that are not there for a caller, lower case; set likewise. Raises `ServiceUnavailable`."""
    new_tenant: Callable[[Principal, str, str, str], Awaitable[tuple[Invited, str]]] | None = None
    """`(who asks, id of the request, name, login of its administrator)`: the tenant, and where its token is
    taken; set likewise. Raises `ApiError`."""


SERVICES: Final = web.AppKey("services", Services)


def services_of(request: web.Request) -> Services:
    return request.app[SERVICES]
