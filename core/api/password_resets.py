"""`/public/password-reset`, `/domains/{domain}/reset-portal`: owners of mailboxes get in again."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.fields import Domain
from core.api.services import asked
from core.api.visitors import UNSEEN, core_of, visitor
from core.service import password_resets
from core.service.password_resets import Portal
from hub.web.errors import NotFound, RateLimited, ServiceUnavailable, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


class OpenQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    domain: Domain | None = Field(None, description="Whether its portal is on; none = whether any could be.")


class OpenView(BaseModel):
    enabled: bool


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=3, max_length=320, description="The mailbox.")


class ConfirmBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: SecretStr = Field(max_length=200, description="Of the mail.")
    password: SecretStr = Field(
        max_length=256, description="8 characters or more, with a capital, a small letter and a digit."
    )


class PortalBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    enabled: bool


class PortalView(BaseModel):
    domain: str
    enabled: bool = Field(description="Turned on for this domain.")
    available: bool = Field(description="And by the tenant, and mail can be sent.")

    @classmethod
    def of(cls, found: Portal) -> "PortalView":
        return cls(domain=found.domain, enabled=found.enabled, available=found.available)


async def status(call: Call[OpenQuery, None]) -> Reply:
    is_open = await password_resets.is_open(core_of(call), call.query.domain)
    return Reply(data=OpenView(enabled=is_open))


async def request(call: Call[None, RequestBody]) -> Reply:
    await password_resets.request(core_of(call), call.body.email, visitor(call))
    return Reply(
        data=None, message="If there is such a mailbox with a recovery address, a mail is on its way."
    )


async def confirm(call: Call[None, ConfirmBody]) -> Reply:
    token, password = call.body.token.get_secret_value(), call.body.password.get_secret_value()
    await password_resets.confirm(core_of(call), token, password, visitor(call))
    return Reply(data=None, message="The mailbox has its new password.", headers=UNSEEN)


async def portal(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=PortalView.of(await password_resets.portal(core, tx, by, call.path["domain"])))


async def set_portal(call: Call[None, PortalBody]) -> Reply:
    core, by = asked(call)
    domain, enabled = call.path["domain"], call.body.enabled
    async with core.database.begin() as tx:
        changed = await password_resets.set_portal(core, tx, by, domain, enabled=enabled)
    return Reply(data=PortalView.of(changed), message="changed")


_PUBLIC = "/api/v1/public/password-reset"
_PORTAL = "/api/v1/domains/{domain}/reset-portal"
ROUTES = (
    Route(
        "GET",
        f"{_PUBLIC}/status",
        status,
        summary="Whether passwords can be reset here",
        query=OpenQuery,
        response=OpenView,
        scope=None,
    ),
    Route(
        "POST",
        f"{_PUBLIC}/request",
        request,
        summary="Ask for a mail to the mailbox's recovery address; the answer is the same for all",
        body=RequestBody,
        status=202,
        scope=None,
        errors=(NotFound, RateLimited, ServiceUnavailable),
    ),
    Route(
        "POST",
        f"{_PUBLIC}/confirm",
        confirm,
        summary="Set a new password with the token of that mail",
        body=ConfirmBody,
        scope=None,
        errors=(NotFound, RateLimited, UpstreamFailed),
    ),
    Route(
        "GET",
        _PORTAL,
        portal,
        summary="Whether owners of the domain's mailboxes may reset their passwords",
        response=PortalView,
        scope="emails:read",
        errors=(NotFound,),
    ),
    Route(
        "PATCH",
        _PORTAL,
        set_portal,
        summary="Turn the domain's reset portal on or off",
        body=PortalBody,
        response=PortalView,
        scope="emails:write",
        errors=(NotFound,),
    ),
)
