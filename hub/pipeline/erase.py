"""The work of an erasure, stage by stage, in the process that writes the archive.

    draining    until nothing of the tenant can still be on its way in, and the log has forgotten it
    removing    its references end as dropped (erased), then its events leave the archive; looked at again
                until there is nothing
    log         what else is kept beside the log goes, and the log's file is rewritten
    connectors  destinations that can erase do; the others are named
    recording   a last look, the record, an event of the hub's own

Each stage may be repeated: a kill costs a stage's work at most, and a file of the archive is rewritten whole
or not at all. A reference that comes in late (a replay that was just pushing) ends as dropped when it is
looked at, because the archive knows what was erased.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Protocol, TypeVar

import msgspec

from hub.archive.base import Archive, ArchiveError, ErasureRecord, Group, Owner
from hub.model.event import Header
from hub.pipeline.closed import LOOK_S
from hub.pipeline.erasing import PREFIX, Erasure, Stage, drain_holder, load, save
from hub.pipeline.keep import Keeper
from hub.pipeline.match import Matcher
from hub.pipeline.replay import Documents
from hub.pipeline.seqset import SeqSet
from hub.store.base import Log

__all__ = ["Eraser", "Estate"]

_T = TypeVar("_T")
SETTLE_MS = int(4 * LOOK_S * 1000)
"""From closing a tenant to believing it: every process has looked, and what it was recording is recorded."""


class Estate(Protocol):
    """What a tenant has besides its events, and where they went."""

    async def clear(self, tenant: str, sources: Sequence[str]) -> Mapping[str, int]:
        """Captures, cursors and status of its sources (those configured, and these), its replays' documents.

        Returns counts by place.
        """
        ...

    async def rewrite_log(self) -> str:
        """Begin or watch the rewrite of the log's file; empty when one begun here is done, else why not."""
        ...

    def connectors(self) -> Sequence[str]:
        """All that are configured."""
        ...

    def deadline_ms(self, connector: str) -> int | None:
        """How long a send takes at most, where the destination can erase; `None` where it cannot, or is not
        configured any more.
        """
        ...

    async def erase_at(self, connector: str, tenant: str) -> tuple[int, str]:
        """`(events erased there, why it is not done)`; the second is empty when it is."""
        ...

    async def tell(self, record: ErasureRecord) -> None:
        """Record the hub's own event about it."""
        ...


class Eraser:
    """Steps the erasures that run, one after the other."""

    def __init__(
        self,
        log: Log,
        keeper: Keeper,
        documents: Documents,
        estate: Estate,
        *,
        kept: Callable[[str], tuple[str, ...]],
        now_ms: Callable[[], int],
    ) -> None:
        """`kept(tenant)`: sources whose events stay, the hub's own where they carry its own tenant."""
        self._log = log
        self._keeper = keeper
        self._documents = documents
        self._estate = estate
        self._kept = kept
        self._now_ms = now_ms
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive-erase")
        self._stop = Event()

    async def step(self) -> bool:
        """One stage, or a slice of one, of the oldest erasure. Whether there is more to do at once.

        Raises `StoreError`, `ArchiveError` after noting it as what holds the erasure.
        """
        names = await self._documents.list(PREFIX)
        texts = [text for name in names if (text := await self._documents.get(name)) is not None]
        archive = self._keeper.archive
        if not texts or archive is None:
            return False
        erasure = min(map(load, texts), key=lambda one: one.id)
        stages = {
            "draining": self._drain,
            "removing": self._remove,
            "log": self._rewrite_log,
            "connectors": self._at_connectors,
            "recording": self._record,
        }
        try:
            after = await stages[erasure.stage](archive, erasure)
        except ArchiveError as error:
            await save(self._documents, msgspec.structs.replace(erasure, holder=str(error)))
            raise
        if after is None:
            await self._documents.delete(PREFIX + erasure.tenant)
        elif after != erasure:
            await save(self._documents, after)
        return after is None or after.stage != erasure.stage

    def close(self) -> None:
        """Let a rewrite that runs throw away what it has, and wait for it."""
        self._stop.set()
        self._thread.shutdown(wait=True)

    def _owner(self, tenant: str) -> Owner:
        return Owner(tenant, self._kept(tenant))

    # -- draining --------------------------------------------------------------------------------------------
    async def _drain(self, archive: Archive, erasure: Erasure) -> Erasure:
        del archive
        if not erasure.upto_seq and self._now_ms() - erasure.closed_ms < SETTLE_MS:
            return _held(erasure, "requests and walks that had begun may still be recording")
        head = await self._log.head()
        upto = erasure.upto_seq or head.seq
        holder = drain_holder(upto, archived=self._keeper.offset, routed=head.routed, trimmed=head.trim)
        if holder:
            return _held(msgspec.structs.replace(erasure, upto_seq=upto), holder)
        return _next(msgspec.structs.replace(erasure, upto_seq=upto), "removing")

    # -- removing --------------------------------------------------------------------------------------------
    async def _remove(self, archive: Archive, erasure: Erasure) -> Erasure:
        owner = self._owner(erasure.tenant)
        tables = await self._log.tables()
        seqs, groups = await self._doomed(archive, owner, [first for _, first, _ in tables])
        if not seqs.count:
            return _next(erasure, "log")
        matched = _matched(groups, [routes for _, _, routes in tables])
        sources = {*erasure.sources, *(group[2] for group in groups)}
        erasure = msgspec.structs.replace(erasure, sources=tuple(sorted(sources)))
        erasure = await self._strike(erasure, seqs, Counter() if erasure.struck_ms else matched)
        async with self._keeper.intact():
            while not self._stop.is_set():
                call = (archive.erase_next, owner, erasure.id, self._now_ms(), self._stop.is_set)
                if await self._blocking(_erase_next, *call) is None:
                    break
        return erasure

    async def _doomed(
        self, archive: Archive, owner: Owner, bounds: Sequence[int] = ()
    ) -> tuple[SeqSet, Counter[Group]]:
        def collect() -> tuple[SeqSet, Counter[Group]]:
            seqs, groups = SeqSet(), Counter[Group]()
            for one in archive.doomed(owner, bounds):
                for seq in one.seqs if one.partition == self._log.partition else ():
                    seqs.add(seq)
                groups.update(one.groups)
            return seqs, groups

        return await self._blocking(collect)

    async def _strike(self, erasure: Erasure, seqs: SeqSet, matched: Mapping[str, int]) -> Erasure:
        """End its references. Those of `matched` (events by connector) that did not end may have arrived."""
        places = Counter(erasure.places)
        struck: Counter[str] = Counter()
        for row in await self._log.rows(now_ms=self._now_ms()):
            if row.queued or row.retrying or row.parked:
                n = await self._log.strike(row.name, seqs.__contains__, "erased")
                struck[row.name.partition("@")[0]] += n
                places[f"references:{row.name}"] += n
        places += await self._untell(
            erasure.tenant
        )  # last: what a sender held until now, it may have counted
        for connector, n in matched.items():
            places[f"delivered:{connector}"] += max(n - struck[connector], 0)
        erasure = msgspec.structs.replace(
            erasure, places={name: n for name, n in places.items() if n}, struck_ms=self._now_ms()
        )
        return await save(self._documents, erasure)

    async def _untell(self, tenant: str) -> Counter[str]:
        """Digests and storms tell no more of it. Events by place."""
        rows = await self._log.rows(now_ms=self._now_ms())
        return Counter({"untold:" + row.name: await self._log.untell(row.name, tenant) for row in rows})

    # -- what else there is ----------------------------------------------------------------------------------
    async def _rewrite_log(self, archive: Archive, erasure: Erasure) -> Erasure:
        del archive
        cleared = await self._estate.clear(erasure.tenant, erasure.sources)
        places = Counter(erasure.places) + Counter(cleared)
        erasure = msgspec.structs.replace(erasure, places=dict(places))
        if holder := await self._estate.rewrite_log():
            return _held(erasure, holder)
        return _next(erasure, "connectors")

    async def _at_connectors(self, archive: Archive, erasure: Erasure) -> Erasure:
        del archive
        places, notes = dict(erasure.places), []
        reached = {place.partition(":")[2] for place in places if place.startswith("delivered:")}
        for name in sorted({*self._estate.connectors(), *reached}):
            deadline_ms = self._estate.deadline_ms(name)
            delivered = places.get(f"delivered:{name}", 0)
            if deadline_ms is None:
                notes += [_note(name, delivered)] if delivered else []
                continue
            if self._now_ms() - erasure.struck_ms < deadline_ms:
                return _held(erasure, f"what {name} was sending may arrive until its deadline has passed")
            erased, why = await self._estate.erase_at(name, erasure.tenant)
            places[f"erased:{name}"] = places.get(f"erased:{name}", 0) + erased
            if why:
                return _held(msgspec.structs.replace(erasure, places=places), f"{name}: {why}")
        notes.append("back-ups made before, and event ids in the log's dedupe window, are not part of this")
        return _next(msgspec.structs.replace(erasure, places=places, notes=tuple(notes)), "recording")

    # -- recording -------------------------------------------------------------------------------------------
    async def _record(self, archive: Archive, erasure: Erasure) -> Erasure | None:
        """`None` when it is done; back to draining when something came in that nobody expected."""
        head = await self._log.head()
        late = drain_holder(head.seq, archived=self._keeper.offset, routed=head.routed, trimmed=head.trim)
        if late:
            return _held(erasure, late)
        if (await self._doomed(archive, self._owner(erasure.tenant)))[0].count:
            return _next(msgspec.structs.replace(erasure, upto_seq=head.seq), "draining")
        places = Counter(erasure.places) + await self._untell(erasure.tenant)
        events, digest = await self._blocking(archive.tombstones, erasure.id)
        record = ErasureRecord(
            id=erasure.id,
            tenant=erasure.tenant,
            asked_by=erasure.asked_by,
            asked_ms=erasure.id,
            done_ms=self._now_ms(),
            upto_seq=erasure.upto_seq,
            events=events,
            digest=digest,
            places={"archive": events, **places},
            notes=erasure.notes,
        )
        record = await self._blocking(archive.keep_record, record)
        await self._estate.tell(record)
        return None

    async def _blocking(self, call: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)


def _erase_next(
    call: Callable[..., int | None], owner: Owner, erasure: int, now_ms: int, stop: Callable[[], bool]
) -> int | None:
    return call(owner, erasure, now_ms=now_ms, stop=stop)


def _held(erasure: Erasure, holder: str) -> Erasure:
    return msgspec.structs.replace(erasure, holder=holder)


def _next(erasure: Erasure, stage: Stage) -> Erasure:
    return msgspec.structs.replace(erasure, stage=stage, holder="")


def _note(connector: str, delivered: int) -> str:
    return f"{connector} cannot be erased from here: up to {delivered} events were delivered to it"


def _matched(groups: Mapping[Group, int], tables: Sequence[str]) -> Counter[str]:
    """Events by connector, as the route tables of their time had it."""
    matchers = [Matcher.from_text(routes) for routes in tables]
    matched: Counter[str] = Counter()
    for (table, tenant, source, class_uid, code, severity, domain), n in groups.items():
        if table:
            header = Header(tenant, source, class_uid, code, severity, domain, 0, 0)
            matched.update(dict.fromkeys(matchers[table - 1].match(header), n))
    return matched
