"""Tokens that may do less than everything: the page announces their scopes for version 2."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.api.fields import Text
from core.api.services import asked
from core.service import api_keys
from core.service.api_keys import NewKey
from core.store.clock import iso_millis, iso_seconds
from hub.access.keys import Key
from hub.access.principal import ALL, Grant
from hub.access.scopes import expand
from hub.web.errors import NotFound, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


class NewTokenBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Text = Field(min_length=1)
    scopes: list[Annotated[str, Field(max_length=100)]] = Field(
        min_length=1, max_length=100, description="As verdicts:read, quarantine:act, read-only, full-admin."
    )
    domains: list[Annotated[str, Field(max_length=300)]] = Field(
        [ALL], min_length=1, max_length=10_000, description='Names, or "*" for all.'
    )

    @field_validator("scopes")
    @classmethod
    def _known(cls, scopes: list[str]) -> list[str]:
        expand(scopes)
        return scopes


class TokenView(BaseModel):
    """A token without its text. It ends when it is revoked, and not by itself."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    domains: list[str]
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None

    @classmethod
    def of(cls, key: Key, **more: Any) -> "TokenView":
        return cls(
            id=key.id,
            name=key.description,
            prefix=key.prefix,
            scopes=sorted({name for grant in key.grants for name in grant.names}),
            domains=sorted({domain for grant in key.grants for domain in grant.domains}),
            created_at=iso_seconds(key.created_ms),
            last_used_at=iso_millis(key.last_used_ms),
            expires_at=iso_millis(key.expires_ms),
            revoked_at=iso_millis(key.revoked_ms),
            **more,
        )


class MadeTokenView(TokenView):
    token: str = Field(description="Shown this once.")


async def listing(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=[TokenView.of(one) for one in await api_keys.every(core, by)])


async def create(call: Call[None, NewTokenBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    try:
        grant = Grant.of(body.scopes, body.domains)
    except ValueError as error:
        raise ValidationFailed.of("domains", str(error)) from error
    made = await api_keys.make(core, by, NewKey(grants=(grant,), description=body.name, style="mxguard"))
    return Reply(data=MadeTokenView.of(made.key, token=made.text))


async def revoke(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=TokenView.of(await api_keys.revoke(core, by, call.path["token"])))


_ALL = "/api/v1/tokens"
ROUTES = (
    Route("GET", _ALL, listing, summary="Tokens of the account", response=list[TokenView], scope="keys:read"),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make a token with scopes; it is shown this once",
        body=NewTokenBody,
        response=MadeTokenView,
        status=201,
        scope="keys:write",
    ),
    Route(
        "DELETE",
        f"{_ALL}/{{token}}",
        revoke,
        summary="Refuse a token from the next request on",
        response=TokenView,
        scope="keys:write",
        errors=(NotFound,),
    ),
)
