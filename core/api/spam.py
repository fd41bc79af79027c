"""`/domains/{domain}/spam/settings`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.services import asked
from core.service import spam
from core.service.spam import READ, WRITE, Blocked, Safe, SpamChange, SpamSettings
from core.upstream.rules import HIGH_SCORES
from hub.web.errors import NotFound, RateLimited, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "SpamView"]

_PATH = "/api/v1/domains/{domain}/spam/settings"
_TROUBLE = (NotFound, RateLimited, UpstreamFailed)
_LEAST, _MOST = HIGH_SCORES


class SpamView(BaseModel):
    high_score: int = Field(description="Mail is refused from this score on.")
    subject_prefix: str = Field(description="The subject of tagged mail begins with it.")
    enforce_dmarc: bool = Field(description="A failing sender's DMARC policy is followed to the letter.")
    blocked: Blocked = Field(description="What mail from a blocklisted sender meets.")
    safe: Safe = Field(
        description="When a safelisted name counts: SPF or DMARC must not, or must, speak for it."
    )

    @classmethod
    def of(cls, found: SpamSettings) -> "SpamView":
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


def _left_out() -> Any:
    """Stays as it is."""
    return None


class SpamBody(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    high_score: int = Field(default_factory=_left_out, ge=_LEAST, le=_MOST)
    subject_prefix: str = Field(default_factory=_left_out, max_length=40)
    enforce_dmarc: bool = Field(default_factory=_left_out)
    blocked: Blocked = Field(default_factory=_left_out)
    safe: Safe = Field(default_factory=_left_out)


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=SpamView.of(await spam.get(core, by, call.path["domain"])))


async def change(call: Call[None, SpamBody]) -> Reply:
    core, by = asked(call)
    wanted = SpamChange(**{name: getattr(call.body, name) for name in SpamBody.model_fields})
    return Reply(data=SpamView.of(await spam.change(core, by, call.path["domain"], wanted)))


ROUTES = (
    Route("GET", _PATH, one, summary="Spam settings", response=SpamView, scope=READ, errors=_TROUBLE),
    Route(
        "PATCH",
        _PATH,
        change,
        summary="Change spam settings",
        body=SpamBody,
        response=SpamView,
        scope=WRITE,
        errors=_TROUBLE,
    ),
)
