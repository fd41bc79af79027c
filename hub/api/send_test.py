"""`send-test`: one made event through a connector's real `send`, past every queue and book."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.api.filters import Word
from hub.api.services import Tested, services_of
from hub.sdk.alerts import KINDS
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "TestedItem", "in_words"]


def _a_kind(text: str) -> str:
    if text not in KINDS:
        raise ValueError(f"is one of {', '.join(KINDS)}")
    return text


class SendTest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Annotated[Word, AfterValidator(_a_kind)] = Field(
        "quarantine.added", description="Kind of alert that the event is made as."
    )


class TestedItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    connector: str
    kind: str = Field(description="The destination's kind.")
    event: str = Field(description="The kind of the made event.")
    event_id: str
    outcome: str = Field(description="delivered, retry, rejected or blocked")
    reason: str = Field(description="Empty when it was delivered.")
    took_ms: int


async def send_test(call: Call[None, SendTest]) -> Reply:
    services = services_of(call.request)
    name = call.path["name"]
    if name not in services.settings.connectors:
        raise NotFound(f"There is no connector {name!r} in the configuration.")
    tested = await services.send_test(name, call.body.kind)
    return Reply(data=TestedItem.model_validate(tested), message=in_words(tested))


def in_words(tested: Tested) -> str:
    """The outcome as one line for people."""
    where = f"{tested.connector} ({tested.kind})"
    match tested.outcome:
        case "delivered":
            event = f"the test event {tested.event_id} ({tested.event})"
            return f"{where} took {event} within {tested.took_ms} ms."
        case "rejected":
            return f"{where} refuses the test event: {tested.reason}"
        case "retry":
            return f"{where} did not take the test event this time: {tested.reason}"
        case _:
            return f"{where} cannot be delivered to: {tested.reason}"


ROUTES = (
    Route(
        "POST",
        "/api/v1/connectors/{name}/send-test",
        send_test,
        summary="Send one made event, marked as a test, past every queue and book",
        body=SendTest,
        response=TestedItem,
        errors=(NotFound,),
    ),
)
