"""`/settings`: what holds for the whole tenant."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.services import asked
from core.service import settings
from core.service.settings import RANGES
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "SettingsView"]


class SettingsView(BaseModel):
    login_link_minutes: int
    login_session_minutes: int
    password_reset: bool
    password_reset_minutes: int
    mailbox_quota_percent: int
    mailbox_send_percent: int


class SettingsBody(BaseModel):
    """What is not there stays; null sets a value back."""

    model_config = ConfigDict(extra="forbid")

    login_link_minutes: int | None = Field(
        None,
        description="So long a login link can be followed.",
        ge=RANGES["login_link_minutes"][0],
        le=RANGES["login_link_minutes"][1],
    )
    login_session_minutes: int | None = Field(
        None,
        description="So long its session lasts at most.",
        ge=RANGES["login_session_minutes"][0],
        le=RANGES["login_session_minutes"][1],
    )
    password_reset: bool | None = Field(
        None, description="Whether owners of mailboxes may reset passwords, where a domain's portal is on."
    )
    password_reset_minutes: int | None = Field(
        None,
        description="So long the token of a reset mail holds.",
        ge=RANGES["password_reset_minutes"][0],
        le=RANGES["password_reset_minutes"][1],
    )
    mailbox_quota_percent: int | None = Field(
        None,
        description="Per cent of its storage from which a mailbox raises an alarm.",
        ge=RANGES["mailbox_quota_percent"][0],
        le=RANGES["mailbox_quota_percent"][1],
    )
    mailbox_send_percent: int | None = Field(
        None,
        description="Per cent of its messages of a day from which a mailbox raises an alarm.",
        ge=RANGES["mailbox_send_percent"][0],
        le=RANGES["mailbox_send_percent"][1],
    )

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


async def get(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=SettingsView(**asdict(await settings.get(tx, by))))


async def change(call: Call[None, SettingsBody]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        changed = await settings.change(core, tx, by, call.body.values())
    return Reply(data=SettingsView(**asdict(changed)), message="changed")


_PATH = "/api/v1/settings"
ROUTES = (
    Route("GET", _PATH, get, summary="The tenant's settings", response=SettingsView, scope="settings:read"),
    Route(
        "PATCH",
        _PATH,
        change,
        summary="Change settings",
        body=SettingsBody,
        response=SettingsView,
        scope="settings:write",
    ),
)
