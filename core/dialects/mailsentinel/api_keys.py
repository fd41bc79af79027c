"""Settings > API Keys: made, listed, revoked. Each has full access to its account."""

from typing import Any, Final

from pydantic import Field

from core.api.fields import Moment, Word
from core.api.services import asked
from core.dialects.mailsentinel.models import Given, Shown
from core.service import api_keys
from core.service.api_keys import NewKey
from core.store.clock import iso_seconds
from hub.access.keys import Key
from hub.access.principal import Grant
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


class NewKeyBody(Given):
    name: Word = Field(max_length=100)
    expires_at: Moment = Field(None, description="ISO 8601; without it, never.")


class KeyView(Shown):
    """A key without its text."""

    id: str
    name: str
    prefix: str = Field(description="Its first 20 characters.")
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None

    @classmethod
    def of(cls, key: Key, /, **more: Any) -> "KeyView":
        return cls(
            id=key.id,
            name=key.description,
            prefix=key.prefix,
            created_at=iso_seconds(key.created_ms),
            last_used_at=iso_seconds(key.last_used_ms),
            expires_at=iso_seconds(key.expires_ms),
            revoked_at=iso_seconds(key.revoked_ms),
            **more,
        )


class MadeKeyView(KeyView):
    key: str = Field(description="In this answer only.")


class KeysView(Shown):
    api_keys: list[KeyView]


class OneView(Shown):
    api_key: KeyView


class MadeView(Shown):
    api_key: MadeKeyView


async def every(call: Call[None, None]) -> Reply:
    """Revoked ones too, the oldest first."""
    core, by = asked(call)
    return Reply(data={"apiKeys": [KeyView.of(key) for key in await api_keys.every(core, by)]})


async def create(call: Call[None, NewKeyBody]) -> Reply:
    core, by = asked(call)
    new = NewKey(
        grants=(Grant.of(["full-admin"]),),
        description=call.body.name,
        expires_ms=call.body.expires_at,
        allow_key_admin=True,
        style="mailsentinel",
    )
    made = await api_keys.make(core, by, new)
    return Reply(data={"apiKey": MadeKeyView.of(made.key, key=made.text)})


async def revoke(call: Call[None, None]) -> Reply:
    """Refused from the next request on."""
    core, by = asked(call)
    return Reply(data={"apiKey": KeyView.of(await api_keys.revoke(core, by, call.path["keyId"]))})


_ALL: Final = "/api/api-keys"

ROUTES: Final = (
    Route("GET", _ALL, every, summary="API keys, without their text", response=KeysView, scope="keys:read"),
    Route(
        "POST",
        _ALL,
        create,
        summary="Generate a key; its text is in this answer only",
        body=NewKeyBody,
        response=MadeView,
        status=201,
        scope="keys:write",
    ),
    Route(
        "DELETE",
        f"{_ALL}/{{keyId}}",
        revoke,
        summary="Revoke a key",
        response=OneView,
        scope="keys:write",
        errors=(NotFound,),
    ),
)
