"""Owners of mailboxes get in again by themselves; and the portal of a domain."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field, SecretStr

from core.api.services import asked
from core.api.visitors import core_of, visitor
from core.service import password_resets
from hub.web.errors import NotFound, RateLimited, ServiceUnavailable, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_READ, _WRITE = "dns:read", "dns:write"
"""The page has the portal among the routes of DNS."""
_SENT = "If there is such a mailbox with a recovery address, a mail is on its way."


class DomainQuery(BaseModel):
    domain: str | None = Field(None, max_length=300)


class RequestBody(BaseModel):
    email: str = Field(max_length=320)


class ConfirmBody(BaseModel):
    token: SecretStr = Field(max_length=200)
    password: SecretStr = Field(max_length=256)


class PortalBody(BaseModel):
    enabled: bool


async def status(call: Call[DomainQuery, None]) -> Reply:
    return Reply(data={"enabled": await password_resets.is_open(core_of(call), call.query.domain)})


async def request(call: Call[None, RequestBody]) -> Reply:
    """Answered alike whether there is such a mailbox or not, and whether mail can be sent."""
    try:
        await password_resets.request(core_of(call), call.body.email, visitor(call))
    except NotFound:
        return Reply(data=None, message=_SENT)
    return Reply(data=None, message=_SENT)


async def confirm(call: Call[None, ConfirmBody]) -> Reply:
    token, password = call.body.token.get_secret_value(), call.body.password.get_secret_value()
    await password_resets.confirm(core_of(call), token, password, visitor(call))
    return Reply(data=None)


async def portal(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await password_resets.portal(core, tx, by, call.path["domain"], scope=_READ)
    return Reply(data=asdict(found))


async def set_portal(call: Call[None, PortalBody]) -> Reply:
    return await _set(call, enabled=call.body.enabled)


async def open_portal(call: Call[None, None]) -> Reply:
    return await _set(call, enabled=True)


async def close_portal(call: Call[None, None]) -> Reply:
    return await _set(call, enabled=False)


async def _set(call: Call[None, Any], *, enabled: bool) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        found = await password_resets.set_portal(
            core, tx, by, call.path["domain"], enabled=enabled, scope=_WRITE
        )
    return Reply(data=asdict(found))


_PUBLIC = "/api/public/password-reset"
_PORTAL = "/api/domains/{domain}/reset-portal"
ROUTES = (
    Route("GET", f"{_PUBLIC}/status", status, summary="Whether it is on", query=DomainQuery, scope=None),
    Route(
        "POST",
        f"{_PUBLIC}/request",
        request,
        summary="Ask for a mail with a token",
        body=RequestBody,
        scope=None,
        errors=(RateLimited, ServiceUnavailable),
    ),
    Route(
        "POST",
        f"{_PUBLIC}/confirm",
        confirm,
        summary="Set a new password",
        body=ConfirmBody,
        scope=None,
        errors=(RateLimited, UpstreamFailed),
    ),
    Route("GET", _PORTAL, portal, summary="The domain's portal", scope=_READ, errors=(NotFound,)),
    Route("POST", _PORTAL, open_portal, summary="Turn it on", scope=_WRITE, errors=(NotFound,)),
    Route("DELETE", _PORTAL, close_portal, summary="Turn it off", scope=_WRITE, errors=(NotFound,)),
    Route(
        "PATCH",
        _PORTAL,
        set_portal,
        summary="Turn the domain's portal on or off",
        body=PortalBody,
        scope=_WRITE,
        errors=(NotFound,),
    ),
)
