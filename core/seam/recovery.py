"""What a process that ended left behind: finished, handed back to the sender, or cleared up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog

from core.audit.entry import Resource
from core.seam import files, older
from core.seam.failing import count_fates, tell_failed
from core.seam.files import Kind
from core.seam.intake import attempt, claimed_again
from core.seam.plan import Plan
from core.seam.relaying import count_doubts
from core.seam.release import MOST_ATTEMPTS, resumed
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import messages, quarantine, releases
from core.store.clock import DAY_MS
from core.store.database import Unavailable
from core.store.messages import Message
from core.store.releases import Release
from hub.web.errors import ApiError, NotFound

__all__ = ["Cleared", "Recovery"]

RETURN_AFTER_MS: Final = 5 * DAY_MS
"""As long as servers try (RFC 5321 section 4.5.4.1)."""
_EVERY_S: Final = 2.0
_SWEEP_S: Final = 900.0
_YOUNG_S: Final = 3600.0
"""A file without a row may belong to a request that runs: younger ones stay."""
_RETURNED = "not delivered: the sender was told to come again, and did not"

_RELEASING: Final[tuple[quarantine.State, ...]] = ("releasing",)

log = structlog.get_logger("core.seam")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """`removed` files were of nobody; `missing` are ids of messages whose file is gone."""

    removed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Recovery:
    """One process's own. `restart` before it takes requests, then `forever`."""

    core: Core
    _swept_s: float = field(default=0.0, init=False)

    async def restart(self) -> Cleared:
        """Nobody of this node is at work: what it had in hand is free, and its files are compared with rows.

        Raises `Unavailable`, `OSError`.
        """
        core = self.core
        async with core.database.begin() as tx:
            await messages.free(tx, core.node_id, core.clock())
            await releases.free(tx, core.node_id, core.clock())
        self._swept_s = time.monotonic()
        return await self.clear(older_than_s=0.0)

    async def forever(self) -> None:
        """Trouble of one round is logged; the next one comes."""
        while True:
            try:
                await self.once()
                if time.monotonic() - self._swept_s > _SWEEP_S:
                    self._swept_s = time.monotonic()
                    await self.clear(older_than_s=_YOUNG_S)
            except Unavailable as error:
                log.warning("core.seam.recovery_waits", error=str(error))
            except Exception:
                log.exception("core.seam.recovery_failed")
            await asyncio.sleep(_EVERY_S)

    async def once(self) -> int:
        """Finish what is due; returns how many messages were looked at. Raises `Unavailable`."""
        core, now_ms = self.core, self.core.clock()
        async with core.database.read() as tx:
            crashed = await messages.crashed(tx, core.node_id, now_ms)
            stranded = await messages.stranded(tx, now_ms - RETURN_AFTER_MS)
            releasing = await releases.under_way(tx, core.node_id, now_ms)
        due = [partial(self._finish, message) for message in crashed]
        due += [partial(self._give_up, message) for message in stranded]
        due += [partial(self._resume, release) for release in releasing]
        for each in due:
            await _by_itself(each)
        return len(due)

    async def clear(self, *, older_than_s: float) -> Cleared:
        """Remove files without a row, and tell of rows without a file. Raises `Unavailable`, `OSError`.

        Under an older database no file goes (`core.seam.older`).
        """
        spool = await self._clear("spool", older_than_s)
        held = await self._clear("quarantine", older_than_s)
        return Cleared(removed=spool.removed + held.removed, missing=spool.missing + held.missing)

    async def _finish(self, message: Message) -> None:
        """One attempt. What cannot be delivered now goes back to the sender, who was never told 2xx.

        So does a message whose file is gone. One that cannot be read at this moment waits for the next round.
        """
        core = self.core
        try:
            raw = await files.load(core, "spool", message.file)
        except FileNotFoundError:
            await self._hand_back(message)
            return
        claimed = await claimed_again(core, message, message.file)
        if claimed is not None:
            await attempt(core, claimed, raw)

    async def _hand_back(self, message: Message) -> None:
        """What the attempt that ended was at may have arrived. Its sender may have come again already."""
        core, waiting = self.core, Plan.read(message.plan).waiting
        async with core.database.begin() as tx:
            if not await messages.hand_back(tx, message, core.clock()):
                return
            await count_doubts(core, tx, (message.tenant, message.domain), len(waiting))
        log.error("core.seam.spool_lost", message=message.id)

    async def _give_up(self, message: Message) -> None:
        async with self.core.database.begin() as tx:
            failed = await messages.give_up(tx, message, _RETURNED, self.core.clock())
            await tell_failed(self.core, tx, message, failed or ())
        count_fates(one.fate for one in failed or ())

    async def _resume(self, release: Release) -> None:
        try:
            await resumed(self.core, release)
        except NotFound as error:
            await self._failed(release, str(error))
        except ApiError as error:
            if release.attempts >= MOST_ATTEMPTS:
                await self._failed(release, error.message)
                return
            log.info("core.seam.release_waits", item=release.held.id, reason=error.message)

    async def _failed(self, release: Release, words: str) -> None:
        held, core = release.held, self.core
        by = By.system(held.tenant, "filter")
        where = Resource(type="quarantine", id=f"{held.node_id}/{held.queue_id}", domain=held.domain)
        deed = Deed(action="quarantine.release_failed", resource=where, reason=words, details={"id": held.id})
        async with core.database.begin() as tx:
            if await quarantine.step(
                tx, held, "release_failed", core.clock(), only_from=_RELEASING, detail=words
            ):
                await record(core, tx, by, deed)

    async def _clear(self, kind: Kind, older_than_s: float) -> Cleared:
        """Files first, then rows: a file whose row came meanwhile is known."""
        core = self.core
        there = await core.workers.run(_listed, core, kind)
        async with core.database.read() as tx:
            known = await _rows(core, tx, kind)
        old = time.time() - older_than_s
        removed = [name for name, changed_s in there.items() if name not in known and changed_s <= old]
        kept = await core.workers.run(older.keeps_files, core.data)
        if removed and kept:
            log.error("core.seam.files_kept", kind=kind, files=len(removed), do=older.what_to_do(core.data))
            removed = []
        for name in removed:
            await files.delete(core, kind, name)
        gone = [one for name, one in known.items() if name not in there and not await self._has(kind, name)]
        for one in gone:
            log.error("core.seam.file_missing", kind=kind, id=one)
        return Cleared(removed=tuple(removed), missing=tuple(gone))

    async def _has(self, kind: Kind, name: str) -> bool:
        return await self.core.workers.run(files.folder(self.core, kind).has, name)


async def _by_itself(finish: Callable[[], Awaitable[None]]) -> None:
    """One message must not keep all others from being finished."""
    try:
        await finish()
    except Unavailable:
        raise
    except Exception:
        log.exception("core.seam.recovery_failed")


def _listed(core: Core, kind: Kind) -> Mapping[str, float]:
    return dict(files.folder(core, kind).names(files.own(core)))


async def _rows(core: Core, tx: Any, kind: Kind) -> Mapping[str, str]:
    if kind == "spool":
        return await messages.files(tx, core.node_id)
    return await releases.files(tx, core.node_id)
