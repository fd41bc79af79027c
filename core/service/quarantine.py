"""Held mail as callers see it, and what they do to it. Each deed is one transaction: state, entry, event.

held, release_failed -> releasing -> released | release_failed (`core.seam.release`);
held, release_failed -> discarded | expired. Repeating a deed that is done changes nothing and tells nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.paging.keyset import Asked, Branches, Page, page, statement
from core.seam import files
from core.seam import release as seam
from core.service import lessons, sender_allowed, visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.lessons import Class
from core.store import estate, quarantine
from core.store.quarantine import Filter, Held, State
from hub.web.access import authorize
from hub.web.errors import Conflict, NotFound, ServiceUnavailable

__all__ = [
    "ACT",
    "READ",
    "Class",
    "Filter",
    "Held",
    "branches",
    "discard",
    "discarded",
    "ended",
    "item",
    "listing",
    "placed",
    "raw",
    "release",
    "report_spam",
    "retrain",
    "skipping",
]

READ: Final = "quarantine:read"
ACT: Final = "quarantine:act"
_RETRY_UNREACHABLE_S: Final = 10


async def listing(
    core: Core, tx: AsyncConnection, by: By, narrow: Filter, *, limit: int = 100, cursor: str | None = None
) -> Page[Held]:
    """The newest first, of the domains that the caller may see.

    Raises `Forbidden` for a domain of no grant, `ValidationFailed` and `CursorExpired` for the cursor.
    """
    if narrow.domain is not None:
        authorize(by.principal, READ, narrow.domain)
    each, order = branches(by, narrow), quarantine.order(narrow)
    found = quarantine.select_from(by.tenant, narrow, first=cursor is None)
    query = visible.limit(found, by, READ, quarantine.DOMAIN, each=each)
    asked = Asked(scope=f"quarantine:{by.tenant}", filters=narrow.as_dict(), limit=limit, cursor=cursor)
    return (await page(tx, query, order, core.cursors, asked, each=each)).of(quarantine.of)


def branches(by: By, narrow: Filter) -> Branches:
    """For `core.paging`: the domains of the caller, where that is what makes the list short."""
    if narrow.domain is not None or narrow.is_short:
        return ()
    return visible.branches(by, READ, quarantine.DOMAIN)


async def skipping(tx: AsyncConnection, by: By, narrow: Filter, *, limit: int, offset: int) -> Sequence[Held]:
    """The same by numbers, for dialects without cursors: `limit` messages after the first `offset`.

    Raises `Forbidden` for a domain of no grant.
    """
    if narrow.domain is not None:
        authorize(by.principal, READ, narrow.domain)
    place, each = quarantine.order(narrow), branches(by, narrow)
    found = quarantine.select_from(by.tenant, narrow)
    query = visible.limit(found, by, READ, quarantine.DOMAIN, each=each)
    asked = statement(query, place, order="newest", after=None, limit=limit, skipped=offset, each=each)
    return [quarantine.of(row) for row in (await tx.execute(asked)).mappings()]


async def item(tx: AsyncConnection, by: By, item_id: str, scope: str = READ) -> Held:
    """A message, whatever became of it.

    Raises `NotFound`, also for one of a domain that the caller may not see.
    """
    return await _one(tx, by, quarantine.named(item_id), scope, item_id)


async def placed(tx: AsyncConnection, by: By, node_id: str, queue_id: str, scope: str = READ) -> Held:
    """The message that lies in that place now, for dialects that name it so. Raises `NotFound`."""
    return await _one(tx, by, quarantine.placed(node_id, queue_id), scope, f"{node_id}/{queue_id}")


async def raw(core: Core, by: By, item_id: str, scope: str = READ) -> tuple[Held, bytes]:
    """A message as it was received.

    Raises `NotFound` (also when its bytes are gone), `ServiceUnavailable` while its node is away.
    """
    async with core.database.read() as tx:
        found = await item(tx, by, item_id, scope)
        await _reachable(core, tx, found)
        return found, await files.read_raw(core, tx, found)


async def release(
    core: Core, by: By, item_id: str, *, allow_sender: bool = False, learn: bool = False
) -> Held:
    """Deliver a message to its recipients; one that was released already is told as such.

    Args:
        core: the service.
        by: who asks.
        item_id: the message's.
        allow_sender: put its sender on the recipients' own safelists, which needs `rules:write` as well. Done
            first: when the delivery fails, the sender is allowed all the same.
        learn: teach the classifier that it is ham.

    Raises `NotFound`, `Conflict` (it has ended otherwise, or is being released), `UpstreamFailed` and
    `ServiceUnavailable` (the downstream refuses it, or cannot take it now).

    """
    async with core.database.read() as tx:
        found = await item(tx, by, item_id, ACT)
        await _reachable(core, tx, found)
    if found.state == "released":
        return found
    _still_there(found)
    if allow_sender:
        await sender_allowed.allow(core, by, found)
    if learn:
        await retrain(core, by, item_id, "ham")
    return (await seam.release(core, by, item_id)).item


async def discard(core: Core, by: By, item_id: str) -> Held:
    """Delete a message for good; repeating it is safe.

    Raises `NotFound`, `Conflict` (it was released, has expired, or is being released), `ServiceUnavailable`
    while its node is away.
    """
    async with core.database.begin() as tx:
        found = await discarded(core, tx, by, item_id)
    await files.delete(core, "quarantine", found.file)
    return found


async def discarded(core: Core, tx: AsyncConnection, by: By, item_id: str) -> Held:
    """As `discard`, in a transaction with others; the caller deletes the `file` after the commit."""
    found = await item(tx, by, item_id, ACT)
    await _reachable(core, tx, found)
    if found.state == "discarded":
        return found
    _still_there(found)
    return await ended(core, tx, by, found, "discarded", "quarantine.discard")


async def ended(core: Core, tx: AsyncConnection, by: By, found: Held, state: State, action: str) -> Held:
    """End a message without delivering it, on record. Raises `Conflict` when somebody was faster."""
    now_ms = core.clock()
    if not await quarantine.step(tx, found, state, now_ms):
        raise Conflict(f"Message {found.id} was settled by somebody else just now.")
    deed = _deed(found, action, f"quarantine.{state}", {"state": state})
    await record(core, tx, by, replace(deed, before={"state": found.state}))
    return replace(found, state=state, state_ms=now_ms, state_detail="")


async def report_spam(core: Core, by: By, item_id: str) -> Held:
    """Teach the tenant's classifier that a message is spam; it stays where it is.

    Raises `NotFound`, `Conflict` (it has ended, its bytes are gone), `ServiceUnavailable`.
    """
    return await _label(core, by, item_id, "spam", ("quarantine.report_spam", "quarantine.reported_spam"))


async def retrain(core: Core, by: By, item_id: str, klass: Class) -> Held:
    """Teach the tenant's classifier what a message is; it stays where it is. Raises as `report_spam`."""
    return await _label(core, by, item_id, klass, (f"quarantine.train_{klass}", "quarantine.retrained"))


async def _label(core: Core, by: By, item_id: str, klass: Class, told: tuple[str, str]) -> Held:
    async with core.database.read() as tx:
        found = await item(tx, by, item_id, ACT)
        await _reachable(core, tx, found)
        _still_there(found)
        message = await files.read_raw(core, tx, found)
    lesson = await lessons.read(core, message)
    action, event = told
    async with core.database.begin() as tx:
        before = await item(tx, by, item_id, ACT)
        moved = await quarantine.label(tx, before, klass)
        change = await lessons.teach(core, tx, by.tenant, lesson, klass)
        if moved or change != "known":
            deed = _deed(before, action, event, {"label": klass})
            await record(core, tx, by, replace(deed, before={"label": before.label or None}))
    return replace(before, label=klass)


async def _one(tx: AsyncConnection, by: By, query: Select[Any], scope: str, said: str) -> Held:
    found = await tx.execute(visible.limit(query, by, scope, quarantine.DOMAIN))
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no message {said[:100]} in quarantine.")
    return quarantine.of(row)


async def _reachable(core: Core, tx: AsyncConnection, found: Held) -> None:
    """Files lie on the node that took the message. Raises `ServiceUnavailable`."""
    if found.node_id == core.node_id:
        return
    owner = await estate.node(tx, found.node_id)
    if owner is not None and not owner.present:
        raise ServiceUnavailable(
            f"{found.node_id} is temporarily unreachable", retry_after_s=_RETRY_UNREACHABLE_S
        )


def _still_there(found: Held) -> None:
    if found.state not in quarantine.OPEN:
        words = "is being released" if found.state == "releasing" else f"was {found.state} already"
        state: Mapping[str, Any] = {"field": "state", "message": words, "state": found.state}
        raise Conflict(f"Message {found.id} {words}.", details=[state])


def _deed(found: Held, action: str, event: str, after: Mapping[str, str]) -> Deed:
    details = {
        "id": found.id,
        "subject": found.subject,
        "sender": found.sender,
        "recipients": list(found.recipients),
        "message_id": found.message_id,
    }
    place = Resource(type="quarantine", id=f"{found.node_id}/{found.queue_id}", domain=found.domain)
    told = {"id": found.id, **found.as_dict(), **after}
    return Deed(action=action, resource=place, after=dict(after), details=details, event=event, data=told)
