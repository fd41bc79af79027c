"""`/messages`: a message with its envelope is handed in, and its verdict comes back."""

import base64
import binascii
import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from core.api.services import asked
from core.engine.message import Envelope
from core.seam.intake import Taken, hand_in
from core.seam.judging import Handed
from core.seam.recipients import CREATE, address_of
from core.store.clock import iso_millis
from core.store.verdicts import Verdict
from hub.web.errors import Conflict, NotFound, ServiceUnavailable, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "MessageView"]

MAX_RECIPIENTS = 100
_MAX_KEY = 200
_SEVERITY = ("clean", "tag", "quarantine", "reject")


def _client(value: str) -> str:
    """An address in its own notation; nothing where it is not known."""
    try:
        return str(ipaddress.ip_address(value)) if value else ""
    except ValueError as error:
        raise ValueError("an IP address, or nothing") from error


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("printable characters only")
    return value


def _decoded(value: object) -> bytes:
    """Strictly: a character that is skipped would be a part of the message that is lost."""
    try:
        return base64.b64decode("".join(value.split()) if isinstance(value, str) else b"", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("base64 (RFC 4648 section 4)") from error


_Name = Annotated[str, Field(max_length=255), AfterValidator(_printable)]
_Address = Annotated[str, Field(max_length=320)]


class EnvelopeIn(BaseModel):
    """What the SMTP session knew before DATA."""

    model_config = ConfigDict(extra="forbid")

    mail_from: _Address = Field("", description="The envelope's sender; empty for bounces.")
    rcpt_to: list[_Address] = Field(
        min_length=1, max_length=MAX_RECIPIENTS, description="Recipients, all at one domain."
    )
    client_ip: Annotated[str, AfterValidator(_client)] = Field(
        "", description="Who delivered it; without, nothing is known of the sender (SPF, reputation)."
    )
    helo: _Name = Field("", description="The client's name for itself.")
    rdns: _Name = Field("", description="Its name by DNS, confirmed by you; looked up when it is empty.")

    def envelope(self) -> Envelope:
        """Raises `ValidationFailed`."""
        return Envelope(
            client_ip=self.client_ip,
            helo=self.helo,
            rdns=self.rdns,
            mail_from=address_of(self.mail_from, "mail_from") if self.mail_from else "",
            rcpt_to=tuple(address_of(one, "rcpt_to") for one in self.rcpt_to),
        )


class RawQuery(EnvelopeIn):
    """The envelope, and whether to judge only."""

    dry_run: bool = Field(default=False, description="Judge only: nothing is relayed or held.")


class MessageIn(BaseModel):
    """A message with its envelope."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[bytes, BeforeValidator(_decoded, json_schema_input_type=str)] = Field(
        min_length=1, description="The message (RFC 5322), in base64."
    )
    envelope: EnvelopeIn
    dry_run: bool = Field(default=False, description="Judge only: nothing is relayed or held.")


class RecipientView(BaseModel):
    """What was decided for one recipient."""

    verdict_id: str
    recipient: str
    verdict: str = Field(description="clean, tag, quarantine, reject.")
    fate: str = Field(description="relayed, quarantined, rejected, discarded, failed, none (dry run).")
    detail: str = Field(description="Why, or the downstream server's own words.")
    quarantine_id: str | None


class MessageView(BaseModel):
    """A message's verdict; every recipient's fate is final."""

    id: str
    timestamp: str
    domain: str
    verdict: str = Field(description="The worst of the recipients' verdicts.")
    score: float
    reason: str
    symbols: list[Any]
    authentication: dict[str, Any] | None
    recipients: list[RecipientView]
    size_bytes: int
    dry_run: bool
    again: bool = Field(description="It was handed in before under this Idempotency-Key.")

    @classmethod
    def of(cls, taken: Taken) -> "MessageView":
        message, first = taken.message, taken.verdicts[0]
        return cls(
            id=message.id,
            timestamp=iso_millis(message.received_ms),
            domain=message.domain,
            verdict=max((one.verdict for one in taken.verdicts), key=_SEVERITY.index),
            score=first.score,
            reason=first.reason,
            symbols=list(first.symbols),
            authentication=dict(first.authentication) if first.authentication is not None else None,
            recipients=[_recipient(one) for one in taken.verdicts],
            size_bytes=message.size_bytes,
            dry_run=message.dry_run,
            again=taken.again,
        )


async def create(call: Call[None, MessageIn]) -> Reply:
    given = call.body
    return await _handed(call, given.message, given.envelope, dry_run=given.dry_run)


async def create_raw(call: Call[RawQuery, None]) -> Reply:
    raw = await call.request.read()
    if not raw:
        raise ValidationFailed.of("body", "the message itself (RFC 5322) is the body")
    return await _handed(call, raw, call.query, dry_run=call.query.dry_run)


async def _handed(call: Call[Any, Any], raw: bytes, given: EnvelopeIn, *, dry_run: bool) -> Reply:
    core, by = asked(call)
    handed = Handed(raw=raw, envelope=given.envelope(), dry_run=dry_run, key=_key(call))
    taken = await hand_in(core, by, handed)
    return Reply(data=MessageView.of(taken))


def _key(call: Call[Any, Any]) -> str:
    given: str | None = call.request.headers.get("Idempotency-Key")
    if given is not None and (not 0 < len(given) <= _MAX_KEY or not given.isprintable()):
        raise ValidationFailed.of("Idempotency-Key", f"1 to {_MAX_KEY} printable characters")
    return given or ""


def _recipient(one: Verdict) -> RecipientView:
    return RecipientView(
        verdict_id=one.id,
        recipient=one.recipient,
        verdict=one.verdict,
        fate=one.fate,
        detail=one.fate_detail,
        quarantine_id=one.quarantine_id or None,
    )


_ERRORS = (NotFound, Conflict, ServiceUnavailable)
ROUTES = (
    Route(
        "POST",
        "/api/v1/messages",
        create,
        summary="Hand in a message: judged, then relayed or held (send an Idempotency-Key)",
        body=MessageIn,
        response=MessageView,
        scope=CREATE,
        errors=_ERRORS,
    ),
    Route(
        "POST",
        "/api/v1/messages/raw",
        create_raw,
        summary="The same, the message being the body (message/rfc822) and its envelope the query",
        query=RawQuery,
        response=MessageView,
        scope=CREATE,
        errors=_ERRORS,
    ),
)
