"""Telling the filter that it was wrong about a message: what it should have said, it learns."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.engine.context import MAX_MESSAGE_BYTES
from core.engine.message import Envelope
from core.service import lessons, quarantine, visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.lessons import Change, Class
from core.store import domains, misclassifications
from core.store.misclassifications import Kind, Reported
from hub.access.domain_names import normal_domain
from hub.sql.ids import new_id
from hub.web.errors import PayloadTooLarge, ValidationFailed

__all__ = ["ACT", "Envelope", "Kind", "Outcome", "Report", "report"]

ACT: Final = quarantine.ACT
_MAX_RECIPIENTS: Final = 1000
_NO_ENVELOPE: Final = Envelope(client_ip="", helo="", mail_from="", rcpt_to=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A message, or the id of one in quarantine, and its envelope.

    The domain is that of the recipients; of a quarantined message everything is known.
    """

    type: Kind
    message: bytes | None = field(default=None, repr=False)
    quarantine_id: str | None = None
    envelope: Envelope = _NO_ENVELOPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`lesson`: `new`, `turned` (it had been taught as the opposite), or `known`."""

    reported: Reported
    lesson: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    domain: str
    message: bytes
    envelope: Envelope
    quarantine_id: str = ""
    scanned: str = ""


async def report(core: Core, by: By, given: Report) -> Outcome:
    """Put a report on record and teach the tenant's classifier; the message stays where it is.

    Raises `ValidationFailed` (neither or both of message and quarantine id, recipients of none or of several
    domains), `PayloadTooLarge`, `Forbidden` and `NotFound` for the domain, and as `quarantine.raw`.
    """
    subject = await _subject(core, by, given)
    lesson = await lessons.read(core, subject.message)
    klass: Class = "ham" if given.type == "false_positive" else "spam"
    async with core.database.begin() as tx:
        change = await lessons.teach(core, tx, by.tenant, lesson, klass)
        reported = Reported(
            id=new_id("mis"),
            tenant=by.tenant,
            domain=subject.domain,
            type=given.type,
            verdict_id=await misclassifications.verdict_of(tx, by.tenant, subject.scanned),
            quarantine_id=subject.quarantine_id,
            envelope=asdict(subject.envelope),
            sha256=lesson.sha256,
            reported_by=by.actor.id,
            at_ms=core.clock(),
        )
        await misclassifications.add(tx, reported)
        await record(core, tx, by, _deed(reported, lesson.mail.subject, klass, change))
    return Outcome(reported=reported, lesson=change)


async def _subject(core: Core, by: By, given: Report) -> _Subject:
    if (given.message is None) == (given.quarantine_id is None):
        raise ValidationFailed.of("message", "give the message, or the quarantine_id of one: one of the two")
    if given.quarantine_id is not None:
        return await _held(core, by, given.quarantine_id)
    message = given.message or b""
    if not message.strip():
        raise ValidationFailed.of("message", "must not be empty")
    if len(message) > MAX_MESSAGE_BYTES:
        raise PayloadTooLarge(f"The message has {len(message)} bytes, at most {MAX_MESSAGE_BYTES}.")
    async with core.database.read() as tx:
        domain = await _domain(tx, by, given.envelope.rcpt_to)
    return _Subject(domain=domain, message=message, envelope=given.envelope)


async def _held(core: Core, by: By, item_id: str) -> _Subject:
    held, message = await quarantine.raw(core, by, item_id, ACT)
    envelope = replace(_NO_ENVELOPE, client_ip=held.client_ip, mail_from=held.sender, rcpt_to=held.recipients)
    return _Subject(
        domain=held.domain, message=message, envelope=envelope, quarantine_id=held.id, scanned=held.message
    )


async def _domain(tx: AsyncConnection, by: By, recipients: tuple[str, ...]) -> str:
    """The one domain of the recipients, or that whose alias theirs is."""
    if not 0 < len(recipients) <= _MAX_RECIPIENTS:
        raise ValidationFailed.of("envelope.rcpt_to", f"1 to {_MAX_RECIPIENTS} recipients")
    names = {normal_domain(address.rpartition("@")[2]) for address in recipients}
    if len(names) > 1:
        raise ValidationFailed.of("envelope.rcpt_to", "all recipients must be of one domain")
    (name,) = names
    return (await visible.domain(tx, by, ACT, await domains.name_of_alias(tx, by.tenant, name) or name)).name


def _deed(reported: Reported, subject: str, klass: Class, change: Change) -> Deed:
    told: dict[str, Any] = {
        "id": reported.id,
        "type": reported.type,
        "quarantine_id": reported.quarantine_id or None,
        "verdict_id": reported.verdict_id or None,
        "sha256": reported.sha256,
        "subject": subject,
        "sender": reported.envelope["mail_from"],
        "recipients": list(reported.envelope["rcpt_to"]),
    }
    return Deed(
        action="misclassification.reported",
        resource=Resource(type="misclassification", id=reported.id, domain=reported.domain),
        after={"label": klass},
        details={**told, "lesson": change},
        event="misclassification.reported",
        data={**told, "label": klass},
    )
