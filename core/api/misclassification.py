"""`/reports/misclassification`: telling the filter that it was wrong."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.api.fields import Word
from core.api.services import asked
from core.service import misclassification
from core.service.misclassification import Envelope, Kind
from core.store.clock import iso_millis
from hub.web.errors import NotFound, PayloadTooLarge, ServiceUnavailable, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_MAX_RECIPIENTS = 1000


def _decoded(value: Any) -> Any:
    """Base64 of a JSON body; the bytes of a body that is the message itself."""
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("must be the message in base64") from error


class ReportQuery(BaseModel):
    """`sender`, `recipient`, `client_ip` and `helo` are for a body that is the message itself."""

    model_config = ConfigDict(extra="forbid")

    type: Kind = Field(description="false_positive: it was good mail; false_negative: it was spam.")
    sender: Annotated[str, Field(max_length=320)] = ""
    recipient: tuple[Word, ...] = Field((), max_length=_MAX_RECIPIENTS)
    client_ip: Annotated[str, Field(max_length=45)] = ""
    helo: Annotated[str, Field(max_length=255)] = ""


class ReportedEnvelope(BaseModel):
    """What the SMTP session knew."""

    model_config = ConfigDict(extra="forbid")

    mail_from: Annotated[str, Field(max_length=320)] = ""
    rcpt_to: tuple[Word, ...] = Field((), max_length=_MAX_RECIPIENTS)
    client_ip: Annotated[str, Field(max_length=45)] = ""
    helo: Annotated[str, Field(max_length=255)] = ""


class ReportBody(BaseModel):
    """A message with its envelope, or the id of one in quarantine."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[bytes, BeforeValidator(_decoded, json_schema_input_type=str)] | None = Field(
        None, description="RFC 5322, in base64.", repr=False
    )
    quarantine_id: Word | None = None
    envelope: ReportedEnvelope | None = None


class ReportView(BaseModel):
    """A report, and what the classifier made of it."""

    id: str
    type: Kind
    domain: str
    quarantine_id: str | None
    verdict_id: str | None
    sha256: str
    lesson: str = Field(description="new, turned (it had been taught as the opposite), known.")
    reported_at: str

    @classmethod
    def of(cls, outcome: misclassification.Outcome) -> "ReportView":
        found = outcome.reported
        return cls(
            id=found.id,
            type=found.type,
            domain=found.domain,
            quarantine_id=found.quarantine_id or None,
            verdict_id=found.verdict_id or None,
            sha256=found.sha256,
            lesson=outcome.lesson,
            reported_at=iso_millis(found.at_ms),
        )


async def report(call: Call[ReportQuery, ReportBody | None]) -> Reply:
    core, by = asked(call)
    body = call.body or ReportBody(message=await call.request.read())
    outcome = await misclassification.report(
        core,
        by,
        misclassification.Report(
            type=call.query.type,
            message=body.message,
            quarantine_id=body.quarantine_id,
            envelope=_envelope(call.query, body.envelope),
        ),
    )
    return Reply(data=ReportView.of(outcome), message="Reported")


def _envelope(query: ReportQuery, given: ReportedEnvelope | None) -> Envelope:
    asked_too = query.model_fields_set - {"type"}
    if given is None:
        return Envelope(
            client_ip=query.client_ip, helo=query.helo, mail_from=query.sender, rcpt_to=query.recipient
        )
    if asked_too:
        raise ValidationFailed.of(min(asked_too), "the body has an envelope already: give one of the two")
    return Envelope(**given.model_dump())


ROUTES = (
    Route(
        "POST",
        "/api/v1/reports/misclassification",
        report,
        summary="Report a message that was judged wrongly",
        query=ReportQuery,
        body=ReportBody,
        takes=("message/rfc822",),
        response=ReportView,
        status=201,
        scope=misclassification.ACT,
        errors=(NotFound, PayloadTooLarge, ServiceUnavailable),
        creates=True,
    ),
)
