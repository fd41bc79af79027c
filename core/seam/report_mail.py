"""Mail to a rua address: its DMARC reports are filed, the mail itself goes nowhere."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine import scan as engine
from core.engine.lists import plain_address
from core.engine.verdict import Action
from core.reports.dmarc import ReportRefused
from core.reports.dmarc_mail import MailedReports, read_mail
from core.reports.rua import Received, receive
from core.seam.judging import Fated, Handed, Judged
from core.seam.keeping import Lost, message_of, verdict_of
from core.seam.plan import Plan
from core.seam.recipients import Addressed
from core.service.by import By
from core.service.core import Core
from core.store import messages
from core.store.domains import Domain
from core.store.messages import Message
from hub.web.errors import Forbidden, ServiceUnavailable, ValidationFailed

__all__ = ["is_report", "taken"]


@dataclass(frozen=True, slots=True)
class _Refused:
    words: str


def is_report(core: Core, handed: Handed) -> bool:
    """Whether it is for a rua address. Raises `ValidationFailed` when it is for others as well."""
    found = [one for one in handed.envelope.rcpt_to if one in core.seam.rua]
    if found and len(found) < len(handed.envelope.rcpt_to):
        raise ValidationFailed.of("rcpt_to", f"{found[0]} takes reports: hand it in alone")
    return bool(found)


async def taken(core: Core, by: By, handed: Handed, key: str, message_id: str) -> Message:
    """File the reports of a mail, of the caller's own domains only, and keep what became of it.

    A mail that proves nothing of its sender, or holds no report, is `rejected`. Raises `Lost`, `Forbidden`
    for a key of single domains (a report may be of any), and `ServiceUnavailable` when DNS does not say
    whether the sender is proven.
    """
    if not by.principal.reach("messages:create").everything:
        raise Forbidden("Mail to the reports address needs messages:create on all domains.")
    verdict = await engine.scan(handed.raw, handed.envelope, _context(core))
    if verdict.authentication.dmarc.result == "temperror":
        raise ServiceUnavailable("DNS does not tell now whether the sender of the report is genuine.")
    mailed = await _mailed(core, handed.raw)
    now_ms, proven = core.clock(), verdict.authentication.dmarc.result == "pass"
    async with core.database.begin() as tx:
        fate, words = "none", "would be read as a report"
        if not handed.dry_run:
            fate, words = await _filed(core, tx, by, mailed, proven=proven)
        judged = _judged(by, handed, verdict, (fate, words), message_id, now_ms)
        message = message_of(core, by, judged, key, "")
        rows = [verdict_of(judged, message, one, "") for one in judged.fates]
        if not await messages.add(tx, message, rows):
            raise Lost
    return message


async def _mailed(core: Core, raw: bytes) -> MailedReports | _Refused:
    try:
        return await core.workers.run(read_mail, raw)
    except ReportRefused as error:
        return _Refused(str(error))


async def _filed(
    core: Core, tx: AsyncConnection, by: By, mailed: MailedReports | _Refused, *, proven: bool
) -> tuple[str, str]:
    if isinstance(mailed, _Refused):
        return "rejected", f"554 5.6.0 {mailed.words}"
    now_ms, tenant = core.clock(), by.tenant
    try:
        found = await receive(tx, mailed, now_ms=now_ms, chain=core.chain, proven=proven, tenant=tenant)
    except ReportRefused as error:
        return "rejected", f"550 5.7.1 {error}"
    return _said(found)


def _said(found: Received) -> tuple[str, str]:
    refusals = "; ".join(str(one) for one in found.refused)
    if not found.filed:
        return "rejected", f"554 5.6.0 {refusals}"
    return "relayed", f"{len(found.filed)} filed" + (f"; refused: {refusals}" if refusals else "")


def _context(core: Core) -> engine.ScanContext:
    return engine.ScanContext(
        resolver=core.resolver,
        workers=core.workers,
        clock=lambda: datetime.fromtimestamp(core.clock() / 1000, UTC),
        hostname=core.config.hostname,
    )


def _judged(
    by: By,
    handed: Handed,
    verdict: engine.Verdict,
    fate: tuple[str, str],
    message_id: str,
    now_ms: int,
) -> Judged:
    recipients = tuple({plain_address(one): one for one in handed.envelope.rcpt_to}.values())
    name = recipients[0].rpartition("@")[2]
    nobody = Domain(id="", number=0, tenant=by.tenant, name=name, created_ms=now_ms, updated_ms=now_ms)
    action: Action = "reject" if fate[0] == "rejected" else "deliver"
    fates = tuple(
        Fated(recipient=plain_address(one), verdict=action, fate=fate[0], detail=fate[1])
        for one in recipients
    )
    to = Addressed(domain=nobody, recipients=recipients, canonical=recipients)
    return Judged(
        id=message_id, handed=handed, to=to, verdict=verdict, fates=fates, plan=Plan(), now_ms=now_ms
    )
