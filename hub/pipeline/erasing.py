"""An erasure as it stands: asked for, waiting for something, done. The work is `hub.pipeline.erase`'s.

What runs is a document beside the log, so that a kill at any moment carries on where it was; what is done is
a record of the archive.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from hub.archive.base import Archive, ErasureCheck
from hub.pipeline.replay import Documents
from hub.store.base import Log

__all__ = ["PREFIX", "Erasure", "Erasures", "Tenants", "drain_holder"]

PREFIX = "erase/"
Stage = Literal["draining", "removing", "log", "connectors", "recording"]


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One that runs."""

    id: int
    """Epoch ms at which it was asked for; unique."""
    tenant: str
    asked_by: str
    stage: Stage = "draining"
    closed_ms: int = 0
    """Since when the tenant is closed for good: before, something may still be on its way in."""
    upto_seq: int = 0
    """Last event recorded before it was; 0 while that is not known."""
    struck_ms: int = 0
    """When its last reference ended: what was being sent then may arrive until the sender's deadline."""
    holder: str = ""
    """What it waits for."""
    sources: tuple[str, ...] = ()
    """Sources that its events came from."""
    places: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()


class Tenants(Documents, Protocol):
    """Documents, and the durable set of closed tenants (`hub.store.state`)."""

    async def close_tenant(self, tenant: str) -> None: ...

    async def reopen_tenant(self, tenant: str) -> bool: ...

    async def closed_tenants(self) -> frozenset[str]: ...


def drain_holder(upto: int, *, archived: int, routed: int, trimmed: int) -> str:
    """Who keeps the log from forgetting everything up to `upto`; empty when nobody does."""
    if archived < upto:
        return f"the archive stands at event {archived} of {upto}: see mxhub_archive_stalled"
    if routed < upto:
        return f"the router stands at event {routed} of {upto}: see whether a worker runs"
    if trimmed < upto:
        return f"the log is trimmed to event {trimmed} of {upto}: see whether a worker runs"
    return ""


class Erasures:
    """Asks for erasures and tells of them; in every process that answers."""

    def __init__(
        self,
        log: Log,
        archive: Archive,
        tenants: Tenants,
        *,
        look: Callable[[], Awaitable[None]],
        now_ms: Callable[[], int],
    ) -> None:
        """`look`: this process sees at once that a tenant was closed or reopened."""
        self._log = log
        self._archive = archive
        self._tenants = tenants
        self._look = look
        self._now_ms = now_ms

    async def start(self, tenant: str, asked_by: str) -> Erasure:
        """Close the tenant and ask for its erasure; one that runs already is what is told."""
        if (running := await self.running(tenant)) is not None:
            return running
        now = self._now_ms()
        taken = {one.record.id for one in self._archive.erasures()} | {one.id for one in await self.list()}
        erasure = Erasure(
            id=max(now, max(taken, default=0) + 1), tenant=tenant, asked_by=asked_by, closed_ms=now
        )
        await self._tenants.close_tenant(tenant)
        await save(self._tenants, erasure)
        await self._look()
        return erasure

    async def running(self, tenant: str) -> Erasure | None:
        """The one that runs, with what holds it now; `None` when none does."""
        text = await self._tenants.get(PREFIX + tenant)
        return None if text is None else await self._as_of_now(load(text))

    async def _as_of_now(self, erasure: Erasure) -> Erasure:
        """While it drains, looked up here: who would do the work may be the one that is missing."""
        if erasure.stage != "draining" or not erasure.upto_seq:
            return erasure
        head = await self._log.head()
        archived = self._archive.offset(self._log.partition)
        holder = drain_holder(erasure.upto_seq, archived=archived, routed=head.routed, trimmed=head.trim)
        return msgspec.structs.replace(erasure, holder=holder)

    async def list(self) -> Sequence[Erasure]:
        """Every one that runs, oldest first."""
        texts = [await self._tenants.get(name) for name in await self._tenants.list(PREFIX)]
        return sorted((load(text) for text in texts if text is not None), key=lambda one: one.id)

    async def reopen(self, tenant: str) -> bool:
        """Take the tenant's events again, from nothing. Whether it was closed.

        Raises `LookupError` while its erasure runs.
        """
        if await self.running(tenant) is not None:
            raise LookupError(f"the erasure of {tenant!r} runs: it cannot be taken back")
        was_closed = await self._tenants.reopen_tenant(tenant)
        await self._look()
        return was_closed

    async def closed(self) -> frozenset[str]:
        """Tenants of which nothing is taken in."""
        return await self._tenants.closed_tenants()

    def records(self, *, check: bool) -> Sequence[ErasureCheck]:
        """What is on record, oldest first. Blocks."""
        return self._archive.erasures(check=check)


def load(text: str) -> Erasure:
    return msgspec.json.decode(text, type=Erasure)


async def save(documents: Documents, erasure: Erasure) -> Erasure:
    """Make it durable as it stands."""
    await documents.put(PREFIX + erasure.tenant, msgspec.json.encode(erasure).decode())
    return erasure
