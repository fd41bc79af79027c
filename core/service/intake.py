"""A message comes in: judged, counted, its sender's reputation moved, held where the verdict says so."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import reputation
from core.detectors.event import FILTER, shown
from core.engine.message import Envelope, Mail, parse
from core.engine.rules import Context
from core.engine.verdict import Judgement, judge
from core.reports import stats
from core.store import domains, outbox, quarantine
from hub.sql.ids import new_id

__all__ = ["FILTER", "UnknownRecipient", "accept", "free_queue_id"]


class UnknownRecipient(Exception):
    """No recipient is at a domain that is filtered here: such mail is not relayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    node_id: str
    domain: domains.Domain
    mail: Mail
    verdict: Judgement
    raw: bytes
    now_ms: int


async def accept(tx: AsyncConnection, raw: bytes, envelope: Envelope, chain: Chain, now_ms: int) -> Judgement:
    """Filter one message in one transaction, on the node that writes the chain.

    The first recipient's domain sets the thresholds.

    Raises `UnknownRecipient`.
    """
    known = {domain.name: domain for domain in await domains.every(tx) if domain.active}
    domain = _recipient_domain(envelope, known)
    standing = await reputation.standing(tx, domain.tenant, envelope.client_ip, now_ms)
    context = Context(
        now=datetime.fromtimestamp(now_ms / 1000, UTC), listed=standing.listed, own_domains=frozenset(known)
    )
    mail = parse(raw, envelope)
    verdict = judge(mail, context, domain.thresholds)
    node_id = chain.node_id
    arrival = _Arrival(node_id=node_id, domain=domain, mail=mail, verdict=verdict, raw=raw, now_ms=now_ms)
    await stats.count(tx, tenant=domain.tenant, domain=domain.name, verdict=verdict.action, now_ms=now_ms)
    if verdict.action == "quarantine":
        await _hold(tx, arrival)
    await reputation.count(tx, domain.tenant, envelope.client_ip, verdict.action, now_ms, chain=chain)
    return verdict


def _recipient_domain(envelope: Envelope, known: dict[str, domains.Domain]) -> domains.Domain:
    for recipient in envelope.rcpt_to:
        domain = known.get(recipient.rpartition("@")[2].lower())
        if domain is not None:
            return domain
    raise UnknownRecipient(f"none of {', '.join(envelope.rcpt_to) or 'no recipient'} is at a filtered domain")


async def _hold(tx: AsyncConnection, arrival: _Arrival) -> None:
    mail = arrival.mail
    held = quarantine.Held(
        id=new_id("qua"),
        tenant=arrival.domain.tenant,
        node_id=arrival.node_id,
        queue_id=await free_queue_id(tx, arrival.node_id),
        domain=arrival.domain.name,
        sender=mail.envelope.mail_from,
        recipients=mail.envelope.rcpt_to,
        subject=mail.subject,
        message_id=mail.header("message-id").strip(),
        client_ip=mail.envelope.client_ip,
        score=arrival.verdict.score,
        symbols=arrival.verdict.symbols,
        reason=arrival.verdict.reason,
        size_bytes=mail.size_bytes,
        arrived_ms=arrival.now_ms,
    )
    await quarantine.add(tx, held, arrival.raw)
    data = {**held.as_dict(), "actor": shown(FILTER)}
    await outbox.emit(tx, "quarantine.added", arrival.node_id, arrival.now_ms, data, tenant=held.tenant)


async def free_queue_id(tx: AsyncConnection, node_id: str) -> str:
    """Eight hexadecimal digits as Postfix's short queue ids have; not in use on the node now."""
    while True:
        queue_id = secrets.token_hex(4).upper()
        if await quarantine.find(tx, node_id, queue_id) is None:
            return queue_id
