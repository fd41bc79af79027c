"""Bodies and answers of `/webhooks`."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.fields import Text, Word
from core.paging.query import Paging
from core.service.webhook_deliveries import Delivery, Sent
from core.service.webhooks import Changes, New, Webhook
from core.store.clock import iso_millis

__all__ = [
    "Change",
    "Create",
    "DeliveriesQuery",
    "DeliveryView",
    "EventView",
    "MadeView",
    "Rotate",
    "SentView",
    "WebhookView",
    "changes_of",
    "new_of",
]

Form = Literal["standard", "mxguard", "mailguard", "mailsentinel"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Create(_Strict):
    url: str = Field(min_length=1, max_length=2000, description="Where to: http:// or https://.")
    events: list[Word] = Field(
        default_factory=list, max_length=200, description="Names of `/webhooks/events`; none = all."
    )
    form: Form = Field("standard", description="How bodies look and are signed.")
    description: Text = ""
    secret: SecretStr | None = Field(None, description="One of your own; without it one is made.")
    enabled: bool = True


class Change(_Strict):
    url: str | None = Field(None, min_length=1, max_length=2000)
    events: list[Word] | None = Field(None, min_length=1, max_length=200)
    form: Form | None = None
    description: Text | None = None
    enabled: bool | None = Field(None, description="true begins anew with what happens from now on.")


class Rotate(_Strict):
    overlap_hours: float = Field(
        24.0, ge=0, le=168, allow_inf_nan=False, description="So long the present secret signs as well."
    )
    secret: SecretStr | None = Field(None, description="One of your own; without it one is made.")


class _GivenNew(Protocol):
    """What the body of a new webhook has in every API; the rest of it, and its words, are each API's own."""

    url: str
    description: str
    secret: SecretStr | None
    enabled: bool

    @property
    def events(self) -> Sequence[str]: ...


class _GivenChanges(Protocol):
    """The same of a change: what is None stays."""

    url: str | None
    description: str | None
    enabled: bool | None

    @property
    def events(self) -> Sequence[str] | None: ...


def new_of(body: _GivenNew, form: str) -> New:
    """What a body asks for, of whichever API; `form` is how bodies will look and be signed."""
    return New(
        url=body.url,
        events=tuple(body.events),
        form=form,
        description=body.description,
        secret=body.secret.get_secret_value() if body.secret else None,
        enabled=body.enabled,
    )


def changes_of(body: _GivenChanges, form: str | None = None) -> Changes:
    """What a body wants changed, of whichever API."""
    return Changes(
        url=body.url,
        events=None if body.events is None else tuple(body.events),
        form=form,
        description=body.description,
        enabled=body.enabled,
    )


class DeliveriesQuery(Paging):
    state: Literal["delivered", "failed", "given_up"] | None = None


class WebhookView(BaseModel):
    """An endpoint. Its secret is shown once, when it is made."""

    id: str
    url: str
    events: list[str]
    form: str
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None = Field(description="Since when nothing gets through.")
    last_error: str | None
    delivered: int
    given_up: int
    old_secret_valid_until: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, webhook: Webhook, **more: Any) -> Self:
        same = ("id", "url", "form", "description", "enabled", "delivered", "given_up")
        return cls(
            **{name: getattr(webhook, name) for name in same},
            events=list(webhook.names),
            disabled_reason=webhook.disabled_reason or None,
            failing_since=iso_millis(webhook.failing_since_ms),
            last_error=webhook.last_error or None,
            old_secret_valid_until=iso_millis(webhook.previous_until_ms),
            created_at=iso_millis(webhook.created_ms),
            updated_at=iso_millis(webhook.updated_ms),
            **more,
        )


class MadeView(WebhookView):
    secret: str = Field(description="Shown this once.")


class EventView(BaseModel):
    name: str
    description: str


class DeliveryView(BaseModel):
    """The last attempt of one event at one endpoint."""

    id: str
    event_id: str = Field(description="What `webhook-id` said.")
    event: str
    state: str = Field(description="delivered, failed, given_up.")
    attempts: int
    status: int | None = Field(description="Of the last answer; null when there was none.")
    error: str | None
    duration_ms: int
    happened_at: str
    tried_at: str

    @classmethod
    def of(cls, found: Delivery) -> "DeliveryView":
        return cls(
            id=found.id,
            event_id=found.event,
            event=found.name,
            state=found.state,
            attempts=found.attempts,
            status=found.status,
            error=found.error or None,
            duration_ms=found.duration_ms,
            happened_at=iso_millis(found.at_ms),
            tried_at=iso_millis(found.updated_ms),
        )


class SentView(BaseModel):
    """What one request came to."""

    event_id: str
    event: str
    delivered: bool
    status: int | None
    error: str | None
    duration_ms: int

    @classmethod
    def of(cls, sent: Sent) -> "SentView":
        same = ("event_id", "delivered", "status", "duration_ms")
        return cls(**{name: getattr(sent, name) for name in same}, event=sent.name, error=sent.error or None)
