"""`/setup`, `/sessions`: the first administrator; signing in, the second factor, signing out."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.accounts import AccountView
from core.api.visitors import NO_COOKIE, UNSEEN, core_of, not_from_elsewhere, signed_in, visitor
from core.service import sign_ins
from hub.access.sessions import COOKIE, csrf_token
from hub.access.sign_in import Pending, SignedIn
from hub.web.errors import Forbidden, RateLimited, Unauthorized
from hub.web.route import ANY_CALLER, Call, Reply, Route

__all__ = ["ROUTES", "SessionView", "reply"]


class ClaimBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: SecretStr = Field(max_length=200, description="Printed by the first start.")
    login: str = Field(max_length=256, description="An address.")
    password: SecretStr = Field(max_length=256, description="12 characters or more.")


class SignInBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    login: str = Field(max_length=256)
    password: SecretStr = Field(max_length=256)


class CodeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pending: SecretStr = Field(max_length=200, description="Of the answer to login and password.")
    code: SecretStr = Field(max_length=64, description="Of the authenticator, or a recovery code.")


class SessionView(BaseModel):
    """Signed in (the cookie is set), or half so: then `pending` and a code are wanted within five minutes."""

    state: Literal["signed_in", "second_factor"]
    account: AccountView | None = None
    csrf_token: str | None = Field(None, description="For `X-CSRF-Token` of unsafe requests.")
    expires_in_s: int | None = None
    pending: str | None = None


class CsrfView(BaseModel):
    csrf_token: str


def reply(done: SignedIn | Pending) -> Reply:
    if isinstance(done, Pending):
        view = SessionView(state="second_factor", pending=done.text)
        return Reply(data=view, message="a code is wanted", headers=UNSEEN)
    view = SessionView(
        state="signed_in",
        account=AccountView.of(done.account),
        csrf_token=csrf_token(done.cookie),
        expires_in_s=done.lasts_s,
    )
    return Reply(data=view, message="signed in", headers=signed_in(done.cookie, done.lasts_s))


async def claim(call: Call[None, ClaimBody]) -> Reply:
    not_from_elsewhere(call)
    body = call.body
    token, password = body.token.get_secret_value(), body.password.get_secret_value()
    made = await sign_ins.claim(core_of(call), token, body.login, password, visitor(call))
    return Reply(data=AccountView.of(made), message="sign in now")


async def open_one(call: Call[None, SignInBody]) -> Reply:
    not_from_elsewhere(call)
    password = call.body.password.get_secret_value()
    return reply(await sign_ins.by_password(core_of(call), call.body.login, password, visitor(call)))


async def second_factor(call: Call[None, CodeBody]) -> Reply:
    not_from_elsewhere(call)
    pending, code = call.body.pending.get_secret_value(), call.body.code.get_secret_value()
    return reply(await sign_ins.second_factor(core_of(call), pending, code, visitor(call)))


async def close(call: Call[None, None]) -> Reply:
    await sign_ins.sign_out(core_of(call), _cookie(call))
    return Reply(data=None, message="signed out", headers=NO_COOKIE)


async def csrf(call: Call[None, None]) -> Reply:
    return Reply(data=CsrfView(csrf_token=csrf_token(_cookie(call))), headers=UNSEEN)


def _cookie(call: Call[None, None]) -> str:
    """Of the session that asks. Raises `Forbidden` for a key, whatever cookie comes with it."""
    assert call.principal is not None  # noqa: S101 - narrows the type: these routes are not open
    cookie = call.request.cookies.get(COOKIE)
    if call.principal.kind != "session" or not cookie:
        raise Forbidden("There is no session: a key needs none.")
    return cookie


_ROOT = "/api/v1/sessions"
_REFUSALS = (Unauthorized, Forbidden, RateLimited)
ROUTES = (
    Route(
        "POST",
        "/api/v1/setup",
        claim,
        summary="Make the first administrator, with the token that the first start printed",
        body=ClaimBody,
        response=AccountView,
        status=201,
        scope=None,
        errors=_REFUSALS,
    ),
    Route(
        "POST",
        _ROOT,
        open_one,
        summary="Sign in with login and password",
        body=SignInBody,
        response=SessionView,
        scope=None,
        errors=_REFUSALS,
    ),
    Route(
        "POST",
        f"{_ROOT}/second-factor",
        second_factor,
        summary="Go on with a code of the authenticator, or a recovery code",
        body=CodeBody,
        response=SessionView,
        scope=None,
        errors=_REFUSALS,
    ),
    Route("DELETE", _ROOT, close, summary="Sign out", scope=ANY_CALLER),
    Route(
        "GET",
        f"{_ROOT}/csrf",
        csrf,
        summary="What the session's unsafe requests must carry as X-CSRF-Token",
        response=CsrfView,
        scope=ANY_CALLER,
    ),
)
