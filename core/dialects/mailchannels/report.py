"""`POST /report`: a message that was judged wrongly teaches the customer's classifier."""

import ipaddress
from collections.abc import Sequence
from email.utils import getaddresses
from typing import Annotated, Literal

from pydantic import Field

from core.api.services import asked
from core.dialects.mailchannels.access import OfSubscription, explained
from core.dialects.mailchannels.domains import ROOT
from core.dialects.mailchannels.models import Lenient
from core.engine.message import Envelope, parse
from core.service import misclassification, visible
from core.service.by import By
from core.service.core import Core
from core.service.misclassification import ACT, Report
from core.store import domains
from hub.access.domain_names import normal_domain
from hub.web.errors import NotFound, PayloadTooLarge, ServiceUnavailable, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_HEAD_BYTES = 128 * 1024
_MOST_VALUES = 5
_VALUE_CHARS = 2048
_MOST_NAMED = 100
_TO = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")
"""Headers that name recipients, the most certain first."""
_NOBODY = Envelope(client_ip="", helo="", mail_from="", rcpt_to=())
_Address = Annotated[str, Field(max_length=320)]


class ReportQuery(OfSubscription):
    report_type: Literal["false_negative", "false_positive"] = Field(
        description="false_positive: it was good mail; false_negative: it was spam."
    )


class EnvelopeBody(Lenient):
    ehlo: Annotated[str, Field(max_length=255)] | None = None
    mail_from: _Address | None = Field(None, alias="mailFrom")
    rcpt_to: _Address | None = Field(None, alias="rcptTo")


class HostBody(Lenient):
    name: Annotated[str, Field(max_length=255)] | None = None


class ReportBody(Lenient):
    message: str = Field(alias="messageContent", min_length=1, description="By RFC 2822.", repr=False)
    envelope: EnvelopeBody | None = Field(None, alias="smtpEnvelopeInformation")
    host: HostBody | None = Field(None, alias="sendingHostInformation")


async def report(call: Call[ReportQuery, ReportBody]) -> Reply:
    """Without a recipient in the envelope it is the first in the headers whose domain is the caller's."""
    core, by = asked(call)
    body, given = call.body, call.body.envelope or EnvelopeBody()
    raw = body.message.encode()
    named = await core.workers.run(_recipients, raw)
    recipients = (given.rcpt_to,) if given.rcpt_to else await _own(core, by, named)
    envelope = Envelope(
        client_ip=_ip(body.host), helo=given.ehlo or "", mail_from=given.mail_from or "", rcpt_to=recipients
    )
    async with explained(core, by, recipients[0].rpartition("@")[2]):
        told = Report(type=call.query.report_type, message=raw, envelope=envelope)
        await misclassification.report(core, by, told)
    return Reply(data=None)


async def _own(core: Core, by: By, named: Sequence[str]) -> tuple[str, ...]:
    """Those who are in the first domain of the caller's; where none is, the first of all: it says why not.

    Raises `NotFound` where nobody is named.
    """
    if not named:
        raise NotFound("The message names no recipient: say whose it was in rcptTo.")
    async with core.database.read() as tx:
        for domain in dict.fromkeys(address.rpartition("@")[2] for address in named):
            name = await domains.name_of_alias(tx, by.tenant, domain) or domain
            found = await domains.find(tx, by.tenant, name)
            if found is not None and visible.seen(by, ACT, found):
                return tuple(address for address in named if address.rpartition("@")[2] == domain)
    return (named[0],)


def _recipients(raw: bytes) -> tuple[str, ...]:
    """Those whom the header names. Takes its time over hostile ones: for a thread.

    Raises `ValidationFailed` for what has no header, or no sender in it (RFC 2822 section 3.6).
    """
    ends = [at for at in (raw.find(b"\r\n\r\n"), raw.find(b"\n\n")) if at >= 0]
    mail = parse(raw[: min([*ends, _HEAD_BYTES])] + b"\r\n\r\n", _NOBODY)
    if not mail.sender.email:
        raise ValidationFailed.of("messageContent", "no message by RFC 2822: it has no header with From")
    values = [value[:_VALUE_CHARS] for name in _TO for value in mail.headers.get(name, ())[:_MOST_VALUES]]
    try:
        found = [address for _, address in getaddresses(values)]
    except Exception:  # hostile headers reach corners of the stdlib's parser that raise
        return ()
    parts = (address.strip().rpartition("@") for address in found[:_MOST_NAMED] if "@" in address)
    return tuple(dict.fromkeys(f"{local}@{normal_domain(domain)}" for local, _, domain in parts))


def _ip(host: HostBody | None) -> str:
    try:
        return str(ipaddress.ip_address(host.name or "")) if host is not None else ""
    except ValueError:
        return ""


ROUTES = (
    Route(
        "POST",
        f"{ROOT}/report",
        report,
        summary="Report a message that was judged wrongly",
        query=ReportQuery,
        body=ReportBody,
        status=204,
        scope=ACT,
        errors=(NotFound, PayloadTooLarge, ServiceUnavailable),
    ),
)
