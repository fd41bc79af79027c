"""A judged message is kept: its files first, then everything that is said of it in one transaction."""

import secrets
from dataclasses import replace
from hashlib import sha256
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.detectors import reputation
from core.engine.lists import plain_address
from core.engine.policy import worse
from core.engine.verdict import Action
from core.reports import stats
from core.seam import files
from core.seam.judging import WORDS, Fated, Judged, authentication, plain_symbols
from core.seam.relaying import LEASE_MS
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import domain_removal, messages, outbox, quarantine
from core.store.clock import DAY_MS, iso_millis
from core.store.messages import Message
from core.store.verdicts import Verdict
from hub.sql.columns import writable
from hub.sql.ids import new_id
from hub.web.errors import Conflict

__all__ = ["FILTER", "Lost", "kept", "message_of", "told_of", "verdict_of"]

FILTER = "filter"
"""Who holds mail, as the audit log names it."""
_LISTS = ("list-unsubscribe", "list-id")
_MOST_SUBJECT = 1_000


class Lost(Exception):
    """Another request with the same key was faster: nothing of this one is kept."""


async def kept(core: Core, by: By, judged: Judged, key: str) -> Message:
    """Keep a message with its verdicts; one that is to be relayed is `relaying` from here on.

    Durable when it returns. Raises `Lost`, `Conflict` (the domain was removed meanwhile),
    `ServiceUnavailable` (a file cannot be written), `Unavailable`: then nothing was accepted, and files
    without rows are removed by recovery.
    """
    waits = bool(judged.plan.deliveries)
    held = _held(core, judged) if judged.held else None
    spool = files.file_name(core, judged.id) if waits else ""
    if held is not None:
        await files.store(core, "quarantine", held.file, judged.handed.raw)
    if spool:
        await files.store(core, "spool", spool, judged.handed.raw)
    message = message_of(core, by, judged, key, spool)
    try:
        async with core.database.begin() as tx:
            await _write(core, tx, by, judged, message, held)
    except (Lost, Conflict):
        await files.delete(core, "quarantine", held.file if held else "")
        await files.delete(core, "spool", spool)
        raise
    return message


def message_of(core: Core, by: By, judged: Judged, key: str, spool: str) -> Message:
    """The message's own row."""
    mail, envelope = judged.verdict.mail, judged.handed.envelope
    waits = bool(judged.plan.deliveries)
    return Message(
        id=judged.id,
        tenant=by.tenant,
        domain=judged.to.domain.name,
        node_id=core.node_id,
        idempotency_key=key,
        sha256=sha256(judged.handed.raw).hexdigest(),
        sender=envelope.mail_from,
        recipients=judged.to.recipients,
        client_ip=envelope.client_ip,
        helo=envelope.helo,
        rdns=mail.envelope.rdns,
        subject=writable(mail.subject[:_MOST_SUBJECT]),
        message_id=writable(mail.header("message-id").strip()[:_MOST_SUBJECT]),
        size_bytes=len(judged.handed.raw),
        dry_run=judged.handed.dry_run,
        state="relaying" if waits else "done",
        file=spool,
        plan=judged.plan.kept() if waits else None,
        attempts=1,
        due_ms=judged.now_ms + LEASE_MS,
        received_ms=judged.now_ms,
        updated_ms=judged.now_ms,
    )


def verdict_of(judged: Judged, message: Message, one: Fated, held_id: str) -> Verdict:
    """The row of one recipient."""
    verdict = judged.verdict
    return Verdict(
        id=new_id("vrd"),
        tenant=message.tenant,
        domain=message.domain,
        message=message.id,
        at_ms=judged.now_ms,
        sender=plain_address(message.sender),
        recipient=one.recipient,
        subject=message.subject,
        message_id=message.message_id,
        client_ip=message.client_ip,
        verdict=WORDS[one.verdict],
        score=verdict.score,
        symbols=tuple(plain_symbols(verdict)),
        reason=verdict.reason or "",
        authentication=authentication(verdict),
        fate=one.fate,
        fate_detail=one.detail,
        quarantine_id=held_id if one.fate == "quarantined" else "",
        size_bytes=message.size_bytes,
        mailing_list=any(verdict.mail.header(name) for name in _LISTS),
    )


def told_of(verdict: Verdict) -> dict[str, Any]:
    """A verdict as its event carries it."""
    same = ("id", "message", "domain", "sender", "recipient", "subject", "message_id", "client_ip", "verdict")
    more = ("score", "reason", "fate", "fate_detail", "size_bytes", "mailing_list")
    return {
        **{name: getattr(verdict, name) for name in (*same, *more)},
        "timestamp": iso_millis(verdict.at_ms),
        "quarantine_id": verdict.quarantine_id or None,
        "symbols": [one["name"] for one in verdict.symbols],
        "authentication": verdict.authentication,
    }


async def _write(
    core: Core, tx: AsyncConnection, by: By, judged: Judged, message: Message, held: quarantine.Held | None
) -> None:
    found = [verdict_of(judged, message, one, held.id if held else "") for one in judged.fates]
    if not await messages.add(tx, message, found):
        raise Lost
    if not await domain_removal.stays(tx, judged.to.domain.id):
        raise Conflict(f"{message.domain} takes no mail: it was removed just now.")
    if message.dry_run:
        return
    await _count(core, tx, judged, message)
    system = By.system(by.tenant, FILTER)
    if held is not None:
        held = replace(held, queue_id=await _free_queue_id(tx, core.node_id))
        await quarantine.add(tx, held)
        await record(core, tx, replace(system, request_id=by.request_id, ip=by.ip), _deed(held))
    events = [("verdict.created", {**told_of(one), "actor": system.shown}) for one in found]
    await outbox.emit_many(tx, events, core.node_id, judged.now_ms, tenant=by.tenant)


async def _count(core: Core, tx: AsyncConnection, judged: Judged, message: Message) -> None:
    """A message counts once, by the worst that it meant for anybody; what a list decided says nothing of its
    client.
    """
    worst: Action = "deliver"
    for one in judged.fates:
        worst = worse(worst, one.verdict)
    weighed = any(one.cause == "score" for one in judged.verdict.recipients)
    await stats.count(
        tx, tenant=message.tenant, domain=message.domain, verdict=WORDS[worst], now_ms=judged.now_ms
    )
    if weighed and message.client_ip:
        ip, now_ms = message.client_ip, judged.now_ms
        await reputation.count(tx, message.tenant, ip, worst, now_ms, chain=core.chain)


async def _free_queue_id(tx: AsyncConnection, node_id: str) -> str:
    """Eight hexadecimal digits as Postfix's short queue ids have; not in use on the node now."""
    while True:
        queue_id = secrets.token_hex(4).upper()
        if await quarantine.find(tx, node_id, queue_id) is None:
            return queue_id


def _held(core: Core, judged: Judged) -> quarantine.Held:
    """One item for all recipients whose copy is held; its queue id follows in the transaction."""
    verdict, envelope, item_id = judged.verdict, judged.handed.envelope, new_id("qua")
    return quarantine.Held(
        id=item_id,
        tenant=judged.to.domain.tenant,
        node_id=core.node_id,
        queue_id="",
        domain=judged.to.domain.name,
        sender=envelope.mail_from,
        recipients=tuple(
            address
            for address, one in zip(judged.to.recipients, judged.fates, strict=True)
            if one.fate == "quarantined"
        ),
        subject=writable(verdict.mail.subject[:_MOST_SUBJECT]),
        message_id=writable(verdict.mail.header("message-id").strip()[:_MOST_SUBJECT]),
        client_ip=envelope.client_ip,
        score=verdict.score,
        symbols=tuple(one.name for one in verdict.symbols),
        reason=verdict.reason or "spam",
        size_bytes=len(judged.handed.raw),
        arrived_ms=judged.now_ms,
        expires_ms=judged.now_ms + core.config.quarantine_days * DAY_MS,
        message=judged.id,
        file=files.file_name(core, item_id),
        sha256=sha256(judged.handed.raw).hexdigest(),
    )


def _deed(held: quarantine.Held) -> Deed:
    details = {
        "id": held.id,
        "subject": held.subject,
        "sender": held.sender,
        "recipients": list(held.recipients),
        "message_id": held.message_id,
        "score": held.score,
        "reason": held.reason,
    }
    return Deed(
        action="quarantine.added",
        resource=Resource(type="quarantine", id=f"{held.node_id}/{held.queue_id}", domain=held.domain),
        after={"state": "held"},
        details=details,
        event="quarantine.added",
        data={"id": held.id, **held.as_dict()},
    )
