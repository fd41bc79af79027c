"""Mail hosts elsewhere: who is there, and which servers take it. Asked, and remembered for some minutes."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from core.seam.smtp import Target
from core.store.domains import SMTP_PORT
from core.upstream import reading
from core.upstream.errors import NotThere, ProviderError, RateLimited, Unavailable
from core.upstream.provider import MailProvider
from core.upstream.routing import Hosting

__all__ = ["RECENT_S", "Hosts"]

RECENT_S: Final = 60.0
"""Whom the host did not know a minute ago it may know now: nobody is refused by what is older."""
_FRESH_S: Final = 300.0
_PAUSE_S: Final = 10.0
"""A host that failed is left alone so long, or as long as it asks for."""
_PATIENCE_S: Final = 20.0
"""For all questions about a domain together: a mail client waits for the answer."""
_MOST: Final = 4096
_T = TypeVar("_T")


@dataclass(slots=True)
class _Entry(Generic[_T]):
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: _T | None = None
    read_s: float = -1e12
    failed: ProviderError | None = None
    until_s: float = 0.0


class _Memory(Generic[_T]):
    """Answers by domain. Those who ask at the same time wait for one reading, and share its failure."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Entry[_T]] = OrderedDict()

    async def get(self, domain: str, read: Callable[[], Awaitable[_T | None]], age_s: float) -> _T | None:
        """What was read at most `age_s` ago (None: at most `RECENT_S`), else read now."""
        entry = self._kept.setdefault(domain, _Entry[_T]())
        self._kept.move_to_end(domain)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        async with entry.lock:
            wanted_s = age_s if entry.value is not None else min(age_s, RECENT_S)
            if self._clock() - entry.read_s <= wanted_s:
                return entry.value
            if entry.failed is not None and self._clock() < entry.until_s:
                raise entry.failed.with_traceback(None)
            return await self._read(entry, read)

    async def _read(self, entry: _Entry[_T], read: Callable[[], Awaitable[_T | None]]) -> _T | None:
        begun_s = self._clock()
        try:
            entry.value = await _in_time(read)
        except ProviderError as error:
            pause_s = error.retry_after_s if isinstance(error, RateLimited) else _PAUSE_S
            entry.failed, entry.until_s = error, self._clock() + pause_s
            raise
        entry.read_s, entry.failed = begun_s, None
        return entry.value

    def forget(self, domain: str) -> None:
        self._kept.pop(domain, None)


class Hosts:
    """What hosts said of domains, in this process: they allow few questions (MXroute 100 reads a minute)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._hosting = _Memory[Hosting](clock)
        self._servers = _Memory[tuple[Target, ...]](clock)

    async def hosting(
        self, provider: MailProvider, domain: str, *, age_s: float = _FRESH_S
    ) -> Hosting | None:
        """Who is there; None where the host takes no mail for the domain. Raises `ProviderError`."""
        return await self._hosting.get(domain, lambda: reading.hosting(provider, domain), age_s)

    async def servers(self, provider: MailProvider, domain: str) -> tuple[Target, ...]:
        """The host's own mail servers, the first to be tried first; none where it does not know the domain.

        Raises `ProviderError`.
        """
        found = await self._servers.get(domain, lambda: _servers(provider, domain), _FRESH_S)
        return found or ()

    def forget(self, domain: str) -> None:
        """Something was changed there."""
        self._hosting.forget(domain)
        self._servers.forget(domain)


async def _in_time(read: Callable[[], Awaitable[_T | None]]) -> _T | None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await read()
    except TimeoutError:
        raise Unavailable(f"no whole answer within {_PATIENCE_S:g} s") from None


async def _servers(provider: MailProvider, domain: str) -> tuple[Target, ...] | None:
    try:
        wanted = await provider.records(domain)
    except NotThere:
        return None
    ordered = sorted(wanted.mx, key=lambda each: each.priority)
    return tuple(Target(each.host, SMTP_PORT) for each in ordered) or None
