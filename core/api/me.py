"""`/status`, `/me`: whether the service works, and who asks."""

from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.accounts import AccountView
from core.api.grants import GrantView, LimitsView, views
from core.api.services import asked
from core.api.visitors import UNSEEN, visitor
from core.service import own_account
from core.store.clock import iso_millis
from hub.access.scopes import SCOPES
from hub.web.errors import Conflict, RateLimited
from hub.web.route import ANY_CALLER, Call, Reply, Route

__all__ = ["ROUTES", "MeView"]


class StatusView(BaseModel):
    """An answer at all says that the database and the limits' store work: both were asked."""

    status: str
    version: str
    node: str
    timestamp: str


class MeView(BaseModel):
    """Who asks."""

    kind: str = Field(description="key, session, token, local.")
    id: str
    name: str
    tenant: str
    grants: list[GrantView]
    scopes: list[str] = Field(description="Every scope that holds on at least one domain.")
    full_admin: bool
    allow_key_admin: bool
    key_prefix: str | None
    plan: str
    limits: LimitsView | None = Field(description="Null: none.")
    account: AccountView | None


class OwnPasswordBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old: SecretStr = Field(max_length=256)
    new: SecretStr = Field(max_length=256, description="12 characters or more.")


class CodeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: SecretStr = Field(max_length=64, description="Of the authenticator, or a recovery code.")


class EnrolledView(BaseModel):
    uri: str = Field(description="otpauth://..., to show as a QR code; holds the secret.")


class RecoveryView(BaseModel):
    recovery_codes: list[str] = Field(description="Each is good once, in place of the authenticator.")


async def status(call: Call[None, None]) -> Reply:
    core, _ = asked(call)
    view = StatusView(
        status="ok", version=version("mxhub"), node=core.node_id, timestamp=iso_millis(core.clock())
    )
    return Reply(data=view)


async def me(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    found = await own_account.me(core, by)
    who = found.principal
    view = MeView(
        kind=who.kind,
        id=who.id,
        name=who.name,
        tenant=who.tenant,
        grants=views(who.grants),
        scopes=[one for one in sorted(SCOPES) if _holds(who.reach(one))],
        full_admin=who.is_full_admin,
        allow_key_admin=who.allow_key_admin,
        key_prefix=who.key_prefix or None,
        plan=found.plan,
        limits=LimitsView.of(found.limits) if found.limits else None,
        account=AccountView.of(found.account) if found.account else None,
    )
    return Reply(data=view)


def _holds(reach: Any) -> bool:
    return reach.everything or bool(reach.domains)


async def set_password(call: Call[None, OwnPasswordBody]) -> Reply:
    core, by = asked(call)
    old, new = call.body.old.get_secret_value(), call.body.new.get_secret_value()
    await own_account.set_password(core, by, old, new, visitor=visitor(call))
    return Reply(data=None, message="changed; signed out everywhere else")


async def enrol(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    uri = await own_account.enrol_second_factor(core, by)
    return Reply(data=EnrolledView(uri=uri), message="confirm it with a code", headers=UNSEEN)


async def confirm(call: Call[None, CodeBody]) -> Reply:
    core, by = asked(call)
    codes = await own_account.confirm_second_factor(core, by, call.body.code.get_secret_value())
    return Reply(data=RecoveryView(recovery_codes=codes), message="keep them", headers=UNSEEN)


async def remove(call: Call[None, CodeBody]) -> Reply:
    core, by = asked(call)
    code = call.body.code.get_secret_value()
    await own_account.remove_second_factor(core, by, code, visitor=visitor(call))
    return Reply(data=None, message="removed")


_FACTOR = "/api/v1/me/second-factor"
ROUTES = (
    Route(
        "GET",
        "/api/v1/status",
        status,
        summary="Whether the service works",
        response=StatusView,
        scope=ANY_CALLER,
    ),
    Route("GET", "/api/v1/me", me, summary="Who asks, and what they may", response=MeView, scope=ANY_CALLER),
    Route(
        "PUT",
        "/api/v1/me/password",
        set_password,
        summary="Change one's own password",
        body=OwnPasswordBody,
        scope=ANY_CALLER,
        errors=(RateLimited,),
    ),
    Route(
        "POST",
        _FACTOR,
        enrol,
        summary="Begin with a second factor",
        response=EnrolledView,
        scope=ANY_CALLER,
        errors=(Conflict,),
    ),
    Route(
        "POST",
        f"{_FACTOR}/confirm",
        confirm,
        summary="Prove the second factor; from now on it is asked for",
        body=CodeBody,
        response=RecoveryView,
        scope=ANY_CALLER,
        errors=(Conflict,),
        creates=True,
    ),
    Route(
        "POST",
        f"{_FACTOR}/disable",
        remove,
        summary="Take off one's own second factor",
        body=CodeBody,
        scope=ANY_CALLER,
        errors=(RateLimited,),
    ),
)
