"""Letting a held message go: relayed to its recipients as it came, once.

held, release_failed -> releasing -> released | release_failed. While a server may have taken the message and
nobody knows, it stays `releasing` and the service goes on by itself: it is never both delivered and held.
"""

from dataclasses import dataclass
from typing import Final

from core.audit.entry import Resource
from core.seam import files
from core.seam.plan import Plan, fate_of
from core.seam.relaying import LEASE_MS, count_doubts, worked_off
from core.seam.release_plan import planned
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import quarantine, releases
from core.store.quarantine import Held, State
from core.store.releases import Release
from hub.web.errors import Conflict, NotFound, ServiceUnavailable, UpstreamFailed

__all__ = ["MOST_ATTEMPTS", "Released", "carried_out", "release", "resumed"]

MOST_ATTEMPTS: Final = 20
"""After so many, a message of which nobody knows whether it arrived is `release_failed`."""
RETRY_AFTER_S: Final = 60
_RELEASING: Final[tuple[State, ...]] = ("releasing",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A message that was released. `again`: it had been before, and nothing was sent now.

    `detail` are the downstream's own words.
    """

    item: Held
    again: bool
    detail: str


async def release(core: Core, by: By, which: str | tuple[str, str]) -> Released:
    """Relay a held message to its recipients and end its quarantine.

    Args:
        core: the service.
        by: who asks; the item must be of their tenant. Whether they may see its domain is for the caller.
        which: the item's id, or the node and queue id under which it lies there now.

    Opens transactions of its own. Repeating it is safe: an item that was released is told as such (`again`).
    Raises `NotFound` (no such item, or discarded, or expired), `Conflict` (being released right now),
    `UpstreamFailed` (the downstream refuses it for good, its words in the message; `release_failed`),
    `ServiceUnavailable` with Retry-After (the downstream cannot take it now: `release_failed`, or `releasing`
    where it may have taken it).

    """
    async with core.database.read() as tx:
        found = await releases.get(tx, by.tenant, which)
        if found is None or found.held.state in ("discarded", "expired"):
            raise NotFound("There is no such message in quarantine.")
        if found.held.state == "released":
            return Released(item=found.held, again=True, detail=found.held.state_detail)
        if found.held.state == "releasing":
            raise _busy()
        raw = await files.read_raw(core, tx, found.held)
    plan = await planned(core, by, found)
    begun = await _begun(core, by, found, plan)
    if begun is None:
        raise _busy()
    return await carried_out(core, by, begun, raw)


async def resumed(core: Core, found: Release) -> None:
    """Go on with a release whose process ended, or of which nobody knows whether it arrived."""
    by = By.system(found.held.tenant, "filter")
    plan = Plan.read(found.plan)
    async with core.database.begin() as tx:
        now_ms = core.clock()
        begun = await releases.begin(tx, found, plan.kept(), now_ms=now_ms, until_ms=now_ms + LEASE_MS)
        if begun is not None:
            await count_doubts(core, tx, (found.held.tenant, found.held.domain), len(plan.waiting))
    if begun is None:
        return
    async with core.database.read() as tx:
        raw = await files.read_raw(core, tx, begun.held)
    await carried_out(core, by, begun, raw, plan.doubted())


async def carried_out(core: Core, by: By, begun: Release, raw: bytes, plan: Plan | None = None) -> Released:
    """Make the attempt that was begun. Raises as `release`."""
    held = begun.held
    place, plan = (held.tenant, held.domain), plan or Plan.read(begun.plan)
    async for after, doubts in worked_off(core, place, plan, held.sender, raw):
        plan = after
        async with core.database.begin() as tx:
            await count_doubts(core, tx, place, doubts)
            until_ms = core.clock() + LEASE_MS
            if not await releases.progress(tx, begun, plan.kept(), _words(plan), until_ms):
                raise _busy()
    return await _ended(core, by, begun, plan)


async def _begun(core: Core, by: By, found: Release, plan: Plan) -> Release | None:
    now_ms = core.clock()
    async with core.database.begin() as tx:
        begun = await releases.begin(tx, found, plan.kept(), now_ms=now_ms, until_ms=now_ms + LEASE_MS)
        if begun is not None:
            await record(core, tx, by, _deed(found.held, "quarantine.release", "releasing"))
    return begun


async def _ended(core: Core, by: By, begun: Release, plan: Plan) -> Released:
    """All was tried: write how it ended, tell it, and raise what is not a release."""
    words = _words(plan)
    failed = [one for one in _recipients(plan) if fate_of(plan.of_recipient(one))[0] == "failed"]
    if plan.is_unsure and begun.attempts < MOST_ATTEMPTS:
        await _postponed(core, begun, plan, words)
        raise ServiceUnavailable(
            f"The downstream server may have taken the message ({words}): this goes on by itself.",
            retry_after_s=RETRY_AFTER_S,
        )
    if plan.waiting or failed:
        await _stepped(core, by, begun, plan, "release_failed")
        if plan.waiting:
            raise ServiceUnavailable(
                f"The downstream servers cannot take the message now ({words}).", retry_after_s=RETRY_AFTER_S
            )
        raise UpstreamFailed(f"The downstream server refuses the message: {words}")
    held = await _stepped(core, by, begun, plan, "released")
    await files.delete(core, "quarantine", begun.held.file)
    return Released(item=held, again=False, detail=words)


async def _postponed(core: Core, begun: Release, plan: Plan, words: str) -> None:
    async with core.database.begin() as tx:
        due_ms = core.clock() + min(2**begun.attempts, 300) * 1000
        await releases.progress(tx, begun, plan.kept(), words, due_ms)


async def _stepped(core: Core, by: By, begun: Release, plan: Plan, to: State) -> Held:
    words, now_ms = _words(plan), core.clock()
    async with core.database.begin() as tx:
        mine = await releases.progress(tx, begun, plan.kept(), words, now_ms)
        if not mine:
            raise _busy()
        await quarantine.step(tx, begun.held, to, now_ms, only_from=_RELEASING, detail=words)
        deed = _deed(begun.held, f"quarantine.{to}", to, words, plan.asked_by)
        await record(core, tx, by, deed)
        held = await quarantine.get(tx, begun.held.id)
    return held or begun.held


def _deed(
    held: Held, action: str, state: State, words: str = "", asked_by: dict[str, str] | None = None
) -> Deed:
    told = {"id": held.id, **held.as_dict(), "state": state}
    if asked_by:
        told["asked_by"] = asked_by
    return Deed(
        action=action,
        resource=Resource(type="quarantine", id=f"{held.node_id}/{held.queue_id}", domain=held.domain),
        before={"state": held.state},
        after={"state": state},
        reason=words,
        details={
            "id": held.id,
            "subject": held.subject,
            "sender": held.sender,
            "recipients": list(held.recipients),
            "message_id": held.message_id,
        },
        event="quarantine.released" if state == "released" else "",
        data=told,
    )


def _recipients(plan: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.recipient for one in plan.deliveries))


def _words(plan: Plan) -> str:
    return "; ".join(dict.fromkeys(one.words for one in plan.deliveries if one.words))


def _busy() -> Conflict:
    return Conflict("The message is being released right now: ask again in a moment.")
