"""Browsers: signing in by password or provider, signing out, and the cookie with the CSRF token."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.typedefs import Middleware
from pydantic import BaseModel, Field, SecretStr

from core.api import oidc, sessions
from core.api.visitors import core_of, not_from_elsewhere, visitor
from core.service import sign_ins
from hub.access.sessions import COOKIE, csrf_token
from hub.web.access import PRINCIPAL
from hub.web.errors import Forbidden, NotFound, RateLimited, Unauthorized, UpstreamFailed
from hub.web.route import ANY_CALLER, Call, Reply, Route

__all__ = ["CSRF_COOKIE", "ROUTES", "csrf_cookie"]

CSRF_COOKIE: Final = "csrf_token"
"""Pages of the same origin read it and send it back as `X-CSRF-Token`; it is worth nothing by itself."""
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 20


class SignInBody(BaseModel):
    username: str = Field(max_length=256)
    password: SecretStr = Field(max_length=256)


async def sign_in(call: Call[None, SignInBody]) -> Reply:
    not_from_elsewhere(call)
    password = call.body.password.get_secret_value()
    return sessions.reply(
        await sign_ins.by_password(core_of(call), call.body.username, password, visitor(call))
    )


def _fields(raw: bytes) -> dict[str, Any]:
    """Those of a form (WHATWG URL 5.1); of one that stands twice the last."""
    try:
        return dict(parse_qsl(raw.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS))
    except ValueError:  # more of them than there are to fill in
        return {}


def csrf_cookie() -> Middleware:
    """Gives each session its CSRF token as a cookie, and takes it away with the session."""

    @web.middleware
    async def middleware(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        response = await handler(request)
        session = _session(request, response)
        if response.prepared or session is None:
            return response
        token = csrf_token(session) if session else ""
        if request.cookies.get(CSRF_COOKIE, "") != token:
            age = "" if token else "; Max-Age=0"
            cookie = f"{CSRF_COOKIE}={token}; Path=/{age}; Secure; SameSite=Lax"
            response.headers.add("Set-Cookie", cookie)
        return response

    return middleware


def _session(request: web.Request, response: web.StreamResponse) -> str | None:
    """The session's cookie after this answer; empty when it has ended, None where there is none."""
    for given in response.headers.getall("Set-Cookie", []):
        name, _, rest = given.partition("=")
        if name == COOKIE:
            return rest.partition(";")[0]
    who = request.get(PRINCIPAL)
    return request.cookies.get(COOKIE) if who is not None and who.kind == "session" else None


_REFUSALS = (Unauthorized, Forbidden, RateLimited)
_PROVIDER = (NotFound, Unauthorized, UpstreamFailed)
ROUTES = (
    Route(
        "POST",
        "/login",
        sign_in,
        summary="Sign in with login and password, as JSON or as a form",
        body=SignInBody,
        texts={_FORM: _fields},
        scope=None,
        errors=_REFUSALS,
    ),
    Route(
        "POST",
        "/login/second-factor",
        sessions.second_factor,
        summary="Go on with a code of the authenticator, or a recovery code",
        body=sessions.CodeBody,
        scope=None,
        errors=_REFUSALS,
    ),
    Route(
        "GET",
        "/login/redirect",
        oidc.begin,
        summary="Send the browser to the identity provider",
        status=303,
        scope=None,
        errors=_PROVIDER,
        media_types=("text/plain",),
    ),
    Route(
        "GET",
        "/oidc/callback",
        oidc.finish,
        summary="Where the provider sends the browser back",
        query=oidc.CallbackQuery,
        scope=None,
        errors=_PROVIDER,
        media_types=("application/json",),
    ),
    Route("POST", "/logout", sessions.close, summary="Sign out", scope=ANY_CALLER),
)
