"""`/sessions/oidc`: signing in at the identity provider of the configuration."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from core.api.sessions import reply
from core.api.visitors import UNSEEN, core_of, visitor
from core.service import sign_ins
from hub.access.sign_in import SignedIn
from hub.web.errors import NotFound, Unauthorized, UpstreamFailed
from hub.web.route import Answer, Bare, Call, Route

__all__ = ["BINDING", "ROUTES"]

BINDING: Final = "__Host-mxhub_oidc"
"""The cookie that ties the provider's answer to the browser that began."""
_LASTS_S: Final = 600


class CallbackQuery(BaseModel):
    """What the provider sends the browser back with; providers add parameters of their own."""

    model_config = ConfigDict(extra="ignore")

    code: str = Field("", max_length=4096)
    state: str = Field("", max_length=200)
    iss: str | None = Field(None, max_length=2048, description="RFC 9207.")
    error: str | None = Field(None, max_length=200, description="The provider signed nobody in.")


async def begin(call: Call[None, None]) -> Bare:
    core = core_of(call)
    if call.request.method == "HEAD" and core.oidc is not None:
        return Bare(body=b"", media_type="text/plain", status=303)
    begun = await sign_ins.begin_oidc(core)
    cookie = f"{BINDING}={begun.binding}; Path=/; Max-Age={_LASTS_S}; Secure; HttpOnly; SameSite=Lax"
    headers = {**UNSEEN, "Location": begun.url, "Set-Cookie": cookie}
    return Bare(body=b"", media_type="text/plain", status=303, headers=headers)


async def finish(call: Call[CallbackQuery, None]) -> Answer:
    core, query = core_of(call), call.query
    if query.error is not None:
        raise Unauthorized("The provider signed nobody in.")
    done = await sign_ins.finish_oidc(
        core,
        code=query.code,
        state=query.state,
        binding=call.request.cookies.get(BINDING, ""),
        issuer=query.iss,
        visitor=visitor(call),
    )
    answer = reply(done)
    if not core.config.console_url or not isinstance(done, SignedIn):
        return answer
    headers = {**answer.headers, "Location": core.config.console_url}
    return Bare(body=b"", media_type="text/plain", status=303, headers=headers)


_ROOT = "/api/v1/sessions/oidc"
ROUTES = (
    Route(
        "GET",
        _ROOT,
        begin,
        summary="Send the browser to the identity provider",
        status=303,
        scope=None,
        errors=(NotFound, UpstreamFailed),
        media_types=("text/plain",),
    ),
    Route(
        "GET",
        f"{_ROOT}/callback",
        finish,
        summary="Where the provider sends the browser back; a session as POST /sessions gives it",
        query=CallbackQuery,
        scope=None,
        errors=(NotFound, Unauthorized, UpstreamFailed),
        media_types=("application/json",),
    ),
)
