"""`/auth/api-keys`: list, create (the key is in this one answer only), revoke, delete."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Word
from core.api.services import asked
from core.dialects.mailguard.access import BURST, Scope, Shown, allows_keys, grant_of, scope_of
from core.service import api_keys as service
from core.service import visible
from core.service.api_keys import NewKey
from core.service.by import By
from core.service.core import Core
from core.store.clock import iso_seconds
from hub.access.keys import Key
from hub.web.errors import NotFound, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "KeyView"]


class NewKeyBody(BaseModel):
    """`domain` belongs to the scope `domain-admin`, and to no other."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[Word, Field(max_length=100)]
    scope: Scope
    rate_limit_per_minute: int = Field(100, ge=1, le=100_000)
    domain: Domain | None = None
    expires_at: Moment = Field(None, description="ISO 8601; without it, never.")


class KeyView(BaseModel):
    """An API key without its text."""

    id: int
    name: str
    key_prefix: str = Field(description="The first 20 characters.")
    scope: Shown
    domain: str | None
    rate_limit_per_minute: int | None
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None
    created_at: str

    @classmethod
    def of(cls, key: Key, /, **more: Any) -> "KeyView":
        scope, domain = scope_of(key.grants)
        return cls(
            id=key.number,
            name=key.description or key.prefix,
            key_prefix=key.prefix,
            scope=scope,
            domain=domain,
            rate_limit_per_minute=key.effective.per_minute,
            last_used_at=iso_seconds(key.last_used_ms),
            expires_at=iso_seconds(key.expires_ms),
            revoked_at=iso_seconds(key.revoked_ms),
            created_at=iso_seconds(key.created_ms),
            **more,
        )


class MadeKeyView(KeyView):
    """With its text, this once."""

    key: str = Field(description="nmg_ and 64 hexadecimal digits; in this answer only.")


async def listing(call: Call[None, None]) -> Reply:
    """All keys, by id, revoked ones too."""
    core, by = asked(call)
    return Reply(data=[KeyView.of(key) for key in await service.every(core, by)])


async def create(call: Call[None, NewKeyBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    await _check_domain(core, by, body)
    new = NewKey(
        grants=(grant_of(body.scope, body.domain),),
        description=body.name,
        expires_ms=body.expires_at,
        allow_key_admin=allows_keys(body.scope),
        limits={"per_minute": body.rate_limit_per_minute, "burst": BURST},
        style="mailguard",
    )
    made = await service.make(core, by, new)
    return Reply(data=MadeKeyView.of(made.key, key=made.text), message="Created")


async def revoke(call: Call[None, None]) -> Reply:
    """It is refused from now on, and stays in the list."""
    core, by = asked(call)
    return Reply(data=KeyView.of(await service.revoke(core, by, _number(call))), message="Revoked")


async def delete(call: Call[None, None]) -> Reply:
    """Forget it; what it did stays in the audit log."""
    core, by = asked(call)
    await service.delete(core, by, _number(call))
    return Reply(data=None, message="Deleted")


async def _check_domain(core: Core, by: By, body: NewKeyBody) -> None:
    if (body.scope == "domain-admin") != (body.domain is not None):
        raise ValidationFailed.of("domain", "is required for the scope domain-admin, and for no other")
    if body.domain is None:
        return
    try:
        async with core.database.read() as tx:
            await visible.domain(tx, by, "domains:read", body.domain)
    except NotFound as error:
        raise ValidationFailed.of("domain", "is not filtered here") from error


def _number(call: Call[None, None]) -> int:
    """Raises `NotFound` for what is no number: such a key there is not."""
    text = call.path["key_id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 12):  # noqa: PLR2004 - more than any key has
        raise NotFound("There is no such API key.")
    return int(text)


_ALL = "/api/v1/auth/api-keys"
_ONE = f"{_ALL}/{{key_id}}"

ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="API keys, without their text",
        response=list[KeyView],
        scope="keys:read",
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make an API key; its text is in this answer only",
        body=NewKeyBody,
        response=MadeKeyView,
        status=201,
        scope="keys:write",
    ),
    Route(
        "POST",
        f"{_ONE}/revoke",
        revoke,
        summary="Refuse an API key from now on",
        response=KeyView,
        scope="keys:write",
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        _ONE,
        delete,
        summary="Forget an API key",
        scope="keys:write",
        errors=(NotFound,),
    ),
)
