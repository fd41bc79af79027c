"""`/domains/{domain}/login-link`, `/domains/login-links:batch`, `/login/{token}`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from core.api.services import asked
from core.api.visitors import UNSEEN, core_of, signed_in, visitor
from core.service import login_links
from core.service.login_links import MOST, LoginLink, Outcome
from core.service.settings import RANGES
from core.store.clock import iso_millis
from hub.access.sessions import csrf_token
from hub.web.errors import NotFound, ServiceUnavailable
from hub.web.route import Answer, Bare, Call, Reply, Route

__all__ = ["ROUTES"]

_LEAST, _MOST_MINUTES = RANGES["login_link_minutes"]
_Minutes = Annotated[
    int | None,
    Field(
        ge=_LEAST, le=_MOST_MINUTES, description="So long it can be followed; null = the tenant's setting."
    ),
]


class LinkBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    minutes: _Minutes = None


class LinksBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    domains: list[Annotated[str, Field(min_length=1, max_length=300)]] = Field(min_length=1, max_length=MOST)
    minutes: _Minutes = None


class LinkView(BaseModel):
    """`url` signs in whoever has it, once."""

    domain: str
    url: str
    expires_at: str

    @classmethod
    def of(cls, link: LoginLink) -> "LinkView":
        return cls(domain=link.domain, url=link.url, expires_at=iso_millis(link.expires_ms))


class LinkItemView(BaseModel):
    domain: str = Field(description="As it was asked for.")
    code: int = Field(description="201, or the status of the error.")
    comment: str
    login_link: LinkView | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> "LinkItemView":
        if outcome.link is not None:
            link = LinkView.of(outcome.link)
            return cls(domain=outcome.domain, code=201, comment="created", login_link=link)
        error = outcome.error or NotFound("There is no such domain.")
        return cls(domain=outcome.domain, code=error.status, comment=error.message)


class LinksView(BaseModel):
    successes: list[LinkItemView]
    errors: list[LinkItemView]


class FollowedView(BaseModel):
    """The session's cookie is set."""

    domain: str
    csrf_token: str = Field(description="For `X-CSRF-Token` of unsafe requests.")
    expires_in_s: int


async def create(call: Call[None, LinkBody]) -> Reply:
    core, by = asked(call)
    made = await login_links.make(core, by, call.path["domain"], minutes=call.body.minutes)
    return Reply(data=LinkView.of(made), message="created", headers=UNSEEN)


async def create_many(call: Call[None, LinksBody]) -> Reply:
    core, by = asked(call)
    outcomes = await login_links.make_many(core, by, call.body.domains, minutes=call.body.minutes)
    items = [LinkItemView.of(one) for one in outcomes]
    view = LinksView(
        successes=[one for one in items if one.login_link],
        errors=[one for one in items if not one.login_link],
    )
    return Reply(data=view, headers=UNSEEN)


async def follow(call: Call[None, None]) -> Answer:
    """Only whoever really comes uses it up: neither a look at the headers nor a browser's guess does."""
    request, core = call.request, core_of(call)
    if request.method == "HEAD":
        return Reply(data=None, headers=UNSEEN)
    purpose = f"{request.headers.get('Sec-Purpose', '')} {request.headers.get('Purpose', '')}"
    if "prefetch" in purpose.lower():
        raise ServiceUnavailable("A login link is not fetched ahead.")
    done = await login_links.follow(core, call.path["token"], visitor(call))
    headers = signed_in(done.cookie, done.lasts_s)
    if core.config.console_url:
        gone_on = {**headers, "Location": core.config.console_url}
        return Bare(body=b"", media_type="text/plain", status=303, headers=gone_on)
    view = FollowedView(domain=done.domain, csrf_token=csrf_token(done.cookie), expires_in_s=done.lasts_s)
    return Reply(data=view, message="signed in", headers=headers)


_SCOPE = "login-links:create"
ROUTES = (
    Route(
        "POST",
        "/api/v1/domains/{domain}/login-link",
        create,
        summary="A link that signs in, once, as administrator of the domain",
        body=LinkBody,
        response=LinkView,
        status=201,
        scope=_SCOPE,
        errors=(NotFound,),
        creates=True,
    ),
    Route(
        "POST",
        "/api/v1/domains/login-links:batch",
        create_many,
        summary="Login links of up to 1,000 domains, each with its own outcome",
        body=LinksBody,
        response=LinksView,
        scope=_SCOPE,
        creates=True,
    ),
    Route(
        "GET",
        "/api/v1/login/{token}",
        follow,
        summary="Follow a login link: a session limited to its domain",
        response=FollowedView,
        scope=None,
        errors=(NotFound, ServiceUnavailable),
    ),
)
