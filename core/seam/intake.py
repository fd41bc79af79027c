"""A message is handed in: judged once, relayed or held, and told of only when that is certain.

The verdict and each recipient's fate are committed as `relaying` before anything is sent. Whoever comes again
with the same key gets the same verdict, and only what is still open is done. A fate that was decided never
changes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from core.engine.lists import plain_address
from core.engine.message import parse
from core.seam import files, report_mail
from core.seam.failing import count_fates, tell_failed
from core.seam.judging import Handed, judge
from core.seam.keeping import Lost, kept
from core.seam.plan import Plan, fate_of
from core.seam.recipients import addressed, elsewhere
from core.seam.relaying import LEASE_MS, count_doubts, worked_off
from core.seam.settings import settings_of
from core.service.by import By
from core.service.core import Core
from core.store import messages
from core.store.messages import Message
from core.store.verdicts import Verdict
from hub.sql.ids import new_id
from hub.web.errors import Conflict, ServiceUnavailable

__all__ = ["RETRY_AFTER_S", "Taken", "attempt", "claimed_again", "hand_in", "key_of"]

RETRY_AFTER_S: Final = 60
_BUSY_S: Final = 5
_HEAD_BYTES: Final = 256 * 1024
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a message: every recipient's fate is final. `again`: it was handed in before."""

    message: Message
    verdicts: tuple[Verdict, ...]
    again: bool


async def hand_in(core: Core, by: By, handed: Handed) -> Taken:
    """Judge a message and see it through.

    Raises `ValidationFailed` (recipients), `Forbidden`, `NotFound`, `Conflict` (the key belongs to another
    message, or the domain takes no mail), and `ServiceUnavailable` while its mail host cannot say who is
    there, or the downstream servers cannot take it: the details then name the fates so far, and the key under
    which to come again.
    """
    message_id = new_id("msg")
    key = key_of(by, handed.key or message_id)
    known = await _known(core, by, key)
    if known is not None:
        return await _again(core, handed, known)
    try:
        message = await _judged(core, by, handed, key, message_id)
    except Lost as error:
        faster = await _known(core, by, key)
        if faster is None:
            raise ServiceUnavailable(
                "The key is in use by another request.", retry_after_s=_BUSY_S
            ) from error
        return await _again(core, handed, faster)
    return await _seen_through(core, message, handed, again=False)


async def _judged(core: Core, by: By, handed: Handed, key: str, message_id: str) -> Message:
    if report_mail.is_report(core, handed):
        return await report_mail.taken(core, by, handed, key, message_id)
    header_from = await core.workers.run(_sender, handed)
    async with core.database.read() as tx:
        to = await addressed(tx, by, handed.envelope.rcpt_to)
    hosting = await elsewhere(core, to.domain, to.canonical)
    async with core.database.read() as tx:
        settings = await settings_of(core, tx, to, handed.envelope, header_from, hosting)
    judged = await judge(core, handed, to, settings, message_id)
    message = await kept(core, by, judged, key)
    if not message.dry_run:
        count_fates(one.fate for one in judged.fates if one.fate != "relaying")
    return message


def key_of(by: By, given: str) -> str:
    """An idempotency key as it is kept: of its caller, and only as a hash."""
    who = by.principal
    return sha256(f"{who.kind}\n{who.id}\n{given}".encode()).hexdigest()


async def attempt(core: Core, message: Message, raw: bytes) -> Message | None:
    """Relay what is open of a message that was claimed. None: another one took it over meanwhile."""
    place, plan = (message.tenant, message.domain), Plan.read(message.plan)
    steps = worked_off(core, place, plan, message.sender, raw)
    groups = len(plan.groups())
    number = 0
    async for after, doubts in steps:
        number += 1
        if not await _settled(core, message, after, doubts, is_last=number == groups):
            return None
    await files.delete(core, "spool", message.file)
    async with core.database.read() as tx:
        return await messages.get(tx, message.id)


async def _settled(core: Core, message: Message, plan: Plan, doubts: int, *, is_last: bool) -> bool:
    now_ms = core.clock()
    fates = {one: fate_of(plan.of_recipient(one)) for one in {each.recipient for each in plan.deliveries}}
    async with core.database.begin() as tx:
        await count_doubts(core, tx, (message.tenant, message.domain), doubts)
        decided = await messages.settle(
            tx,
            message,
            fates,
            state="relaying" if plan.waiting else "done",
            file="" if is_last else message.file,
            plan=plan.kept(),
            due_ms=now_ms if is_last else now_ms + LEASE_MS,
            now_ms=now_ms,
        )
        await tell_failed(core, tx, message, decided or ())
    count_fates(one.fate for one in decided or ())
    return decided is not None


async def _again(core: Core, handed: Handed, known: Message) -> Taken:
    _check_same(handed, known)
    if known.state == "done":
        return await _taken(core, known, again=True)
    now_ms = core.clock()
    if known.due_ms is not None and known.due_ms > now_ms:
        raise ServiceUnavailable("The message is being delivered right now.", retry_after_s=_BUSY_S)
    file = files.file_name(core, known.id)
    await files.store(core, "spool", file, handed.raw)
    claimed = await claimed_again(core, known, file)
    await files.delete(core, "spool", known.file if claimed else file)
    if claimed is None:
        raise ServiceUnavailable("The message is being delivered right now.", retry_after_s=_BUSY_S)
    return await _seen_through(core, claimed, handed, again=True)


async def claimed_again(core: Core, known: Message, file: str) -> Message | None:
    """One more attempt, which is on record before it begins. One that still has its file ended without
    telling: what it was at may have arrived.
    """
    now_ms = core.clock()
    async with core.database.begin() as tx:
        plan = Plan.read(known.plan)
        if known.file:
            await count_doubts(core, tx, (known.tenant, known.domain), len(plan.waiting))
        return await messages.claim(
            tx, known, file=file, node_id=core.node_id, now_ms=now_ms, until_ms=now_ms + LEASE_MS
        )


async def _seen_through(core: Core, message: Message, handed: Handed, *, again: bool) -> Taken:
    if message.state == "done":
        return await _taken(core, message, again=again)
    done = await attempt(core, message, handed.raw)
    if done is None:
        raise ServiceUnavailable("The message is being delivered by another process.", retry_after_s=_BUSY_S)
    taken = await _taken(core, done, again=again)
    if done.state != "done":
        raise _later(taken, handed)
    return taken


async def _taken(core: Core, message: Message, *, again: bool) -> Taken:
    async with core.database.read() as tx:
        return Taken(message=message, verdicts=await messages.verdicts_of(tx, message), again=again)


async def _known(core: Core, by: By, key: str) -> Message | None:
    async with core.database.read() as tx:
        return await messages.find(tx, by.tenant, key)


def _later(taken: Taken, handed: Handed) -> ServiceUnavailable:
    key = handed.key or taken.message.id
    details: list[Mapping[str, Any]] = [{"message": taken.message.id, "idempotency_key": key}]
    details += [{"recipient": v.recipient, "fate": v.fate, "detail": v.fate_detail} for v in taken.verdicts]
    waiting = next((v.fate_detail for v in taken.verdicts if v.fate == "relaying" and v.fate_detail), "")
    return ServiceUnavailable(
        f"The downstream servers cannot take the message now ({waiting}): hand it in again with the same "
        "Idempotency-Key.",
        retry_after_s=RETRY_AFTER_S,
        details=details,
    )


def _check_same(handed: Handed, known: Message) -> None:
    mine = {plain_address(one) for one in handed.envelope.rcpt_to}
    theirs = {plain_address(one) for one in known.recipients}
    same = (
        sha256(handed.raw).hexdigest() == known.sha256
        and handed.envelope.mail_from == known.sender
        and handed.dry_run == known.dry_run
        and mine == theirs
    )
    if not same:
        raise Conflict("This Idempotency-Key was used for a different message: take a new one.")


def _sender(handed: Handed) -> str:
    end = _HEAD_END.search(handed.raw, 0, _HEAD_BYTES)
    head = handed.raw[: end.end() if end else _HEAD_BYTES]
    return parse(head, handed.envelope).sender.email
