"""One deed to many held messages, each with a result of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from core.seam import files
from core.service import quarantine
from core.service.by import By
from core.service.core import Core
from core.service.quarantine import Class, Held
from hub.web.errors import ApiError, ValidationFailed

__all__ = ["MAX_ITEMS", "Action", "Result", "Wanted", "do"]

Action = Literal["release", "discard", "report-spam", "retrain"]
MAX_ITEMS: Final = 1000
_RELEASED_AT_ONCE: Final = 4
"""Deliveries to the downstream at a time."""
_A_TRANSACTION: Final = 50
"""Deletions in one commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`klass` is for `retrain`, `allow_sender` for `release`."""

    action: Action
    ids: Sequence[str]
    klass: Class | None = None
    allow_sender: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one: the message, or why nothing was done to it."""

    id: str
    item: Held | None = None
    error: ApiError | None = None


async def do(core: Core, by: By, wanted: Wanted) -> list[Result]:
    """In the order of the ids; one that stands twice is done once and told twice.

    Raises `ValidationFailed` (too many, no class), and `Unavailable` of the database: then some may be done,
    and the same request does the rest.
    """
    if len(wanted.ids) > MAX_ITEMS:
        raise ValidationFailed.of("ids", f"{len(wanted.ids)} ids, at most {MAX_ITEMS} at a time")
    ids = list(dict.fromkeys(wanted.ids))
    if wanted.action == "discard":
        found = await _discarded(core, by, ids)
    else:
        room = asyncio.Semaphore(_RELEASED_AT_ONCE if wanted.action == "release" else 1)
        act = _one(core, by, wanted)
        found = await _all([_result(room, act, item_id) for item_id in ids])
    results = {one.id: one for one in found}
    return [results[item_id] for item_id in wanted.ids]


async def _all(work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Every one comes to its end, before what one of them raised does."""
    ends = await asyncio.gather(*work, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return [end for end in ends if not isinstance(end, BaseException)]


def _one(core: Core, by: By, wanted: Wanted) -> Callable[[str], Awaitable[Held]]:
    if wanted.action == "release":
        return partial(quarantine.release, core, by, allow_sender=wanted.allow_sender)
    if wanted.action == "report-spam":
        return partial(quarantine.report_spam, core, by)
    if wanted.klass is None:
        raise ValidationFailed.of("class", "retrain needs ham or spam")
    return partial(quarantine.retrain, core, by, klass=wanted.klass)


async def _result(room: asyncio.Semaphore, act: Callable[[str], Awaitable[Held]], item_id: str) -> Result:
    async with room:
        try:
            return Result(id=item_id, item=await act(item_id))
        except ApiError as error:
            return Result(id=item_id, error=error)


async def _discarded(core: Core, by: By, ids: Sequence[str]) -> list[Result]:
    """A refusal of one comes before anything of it is written, so many fit into one transaction."""
    results: list[Result] = []
    for part in _parts(ids):
        async with core.database.begin() as tx:
            done = []
            for item_id in part:
                try:
                    done.append(Result(id=item_id, item=await quarantine.discarded(core, tx, by, item_id)))
                except ApiError as error:
                    done.append(Result(id=item_id, error=error))
        for one in done:
            if one.item is not None:
                await files.delete(core, "quarantine", one.item.file)
        results += done
    return results


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + _A_TRANSACTION] for at in range(0, len(ids), _A_TRANSACTION)]
