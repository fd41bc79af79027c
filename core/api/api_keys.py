"""`/api-keys`: made, changed, revoked, deleted. A key's text is in the answer to its creation only."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Moment, Text
from core.api.grants import Grants, GrantView, LimitsBody, LimitsView, given, views
from core.api.services import asked, paged
from core.paging.query import PartPaging
from core.service import api_keys
from core.service.api_keys import NewKey
from core.store.clock import iso_millis
from hub.access.keys import Key
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "KeyView"]


class KeyView(BaseModel):
    """A key without its text."""

    id: str
    number: int
    description: str
    key_prefix: str = Field(description="Its first 20 characters.")
    grants: list[GrantView]
    allow_key_admin: bool = Field(description="Whether it may manage keys and people.")
    plan: str | None = Field(description="Null = the tenant's.")
    limits: LimitsView = Field(description="What holds for it.")
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None = Field(description="Behind by up to a minute.")
    revoked_at: str | None

    @classmethod
    def of(cls, key: Key) -> "KeyView":
        return cls(**shown(key))


class MadeKeyView(KeyView):
    key: str = Field(description="The text, told this once.")


class NewKeyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    grants: Grants
    description: Text = ""
    expires_at: Moment = Field(None, description="Null = it never ends by itself.")
    allow_key_admin: bool = False
    plan: str | None = Field(None, max_length=40, description="In place of the tenant's; full-admin only.")
    limits: LimitsBody = Field(default_factory=LimitsBody, description="full-admin only.")


class KeyChangeBody(BaseModel):
    """What is not there stays."""

    model_config = ConfigDict(extra="forbid")

    grants: Grants | None = None
    description: Text | None = None
    expires_at: Moment = Field(None, description="Null = it never ends by itself.")
    allow_key_admin: bool | None = None
    plan: str | None = Field(None, max_length=40, description="Null = the tenant's.")
    limits: LimitsBody | None = Field(None, description="Null = only those of the plan.")

    def values(self) -> dict[str, Any]:
        there = self.model_fields_set
        found: dict[str, Any] = {}
        if self.grants is not None:
            found["grants"] = given(self.grants)
        if self.description is not None:
            found["description"] = self.description
        if self.allow_key_admin is not None:
            found["allow_key_admin"] = self.allow_key_admin
        if "expires_at" in there:
            found["expires_ms"] = self.expires_at
        if "plan" in there:
            found["plan"] = self.plan
        if "limits" in there:
            found["limits"] = self.limits.figures() if self.limits else {}
        return found


def shown(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "number": key.number,
        "description": key.description,
        "key_prefix": key.prefix,
        "grants": views(key.grants),
        "allow_key_admin": key.allow_key_admin,
        "plan": key.plan,
        "limits": LimitsView.of(key.effective),
        "created_by": key.created_by,
        "created_at": iso_millis(key.created_ms),
        "expires_at": iso_millis(key.expires_ms),
        "last_used_at": iso_millis(key.last_used_ms),
        "revoked_at": iso_millis(key.revoked_ms),
    }


async def listing(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    found = call.query.part(await api_keys.every(core, by))
    return paged(found, KeyView.of)


async def create(call: Call[None, NewKeyBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    new = NewKey(
        grants=given(body.grants),
        description=body.description,
        expires_ms=body.expires_at,
        allow_key_admin=body.allow_key_admin,
        plan=body.plan,
        limits=body.limits.figures(),
    )
    made = await api_keys.make(core, by, new)
    view = MadeKeyView(**shown(made.key), key=made.text)
    return Reply(data=view, message="keep the key: it is shown this once")


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=KeyView.of(await api_keys.find(core, by, call.path["key"])))


async def change(call: Call[None, KeyChangeBody]) -> Reply:
    core, by = asked(call)
    changed = await api_keys.change(core, by, call.path["key"], call.body.values())
    return Reply(data=KeyView.of(changed), message="changed")


async def revoke(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=KeyView.of(await api_keys.revoke(core, by, call.path["key"])), message="revoked")


async def delete(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await api_keys.delete(core, by, call.path["key"])
    return Reply(data=None, message="deleted")


_ALL = "/api/v1/api-keys"
_ONE = f"{_ALL}/{{key}}"
_READ, _WRITE = "keys:read", "keys:write"
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="API keys, revoked ones too, the oldest first",
        query=PartPaging,
        response=list[KeyView],
        scope=_READ,
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make an API key; its text is told this once",
        body=NewKeyBody,
        response=MadeKeyView,
        status=201,
        scope=_WRITE,
        creates=True,
    ),
    Route("GET", _ONE, one, summary="One API key", response=KeyView, scope=_READ, errors=(NotFound,)),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change description, end, grants, plan or limits",
        body=KeyChangeBody,
        response=KeyView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        f"{_ONE}/revoke",
        revoke,
        summary="Refuse a key from the next request on; it stays in the list",
        response=KeyView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        _ONE,
        delete,
        summary="Forget a key and free the domains that are tied to it",
        scope=_WRITE,
        errors=(NotFound,),
    ),
)
