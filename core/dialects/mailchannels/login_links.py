"""Links that sign in as administrator of a domain. Each `GET` makes one: it is no reading."""

from pydantic import BaseModel, Field

from core.api.services import asked
from core.api.visitors import UNSEEN
from core.dialects.mailchannels.access import OfSubscription, on_domain
from core.dialects.mailchannels.domains import ROOT, NamedBody
from core.dialects.mailchannels.form import message_of
from core.dialects.mailchannels.models import Lenient
from core.service import login_links, visible
from core.service.login_links import MOST, Outcome
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_SCOPE = "login-links:create"
_MADE = 200


class LinksBody(Lenient):
    domains: list[NamedBody] = Field(min_length=1, max_length=MOST)


class LinkView(BaseModel):
    """It signs in whoever has it, once."""

    link: str = Field(serialization_alias="loginLink", repr=False)


class LinkItemView(BaseModel):
    domain: str = Field(description="As it was asked for.")
    code: int
    comment: str | None = None
    link: str | None = Field(None, serialization_alias="loginLink", repr=False)

    @classmethod
    def of(cls, outcome: Outcome) -> "LinkItemView":
        if outcome.link is not None:
            return cls(domain=outcome.domain, code=_MADE, link=outcome.link.url)
        error = outcome.error or NotFound("There is no such domain.")
        return cls(domain=outcome.domain, code=error.status, comment=message_of(error))


class LinksView(BaseModel):
    successes: list[LinkItemView]
    errors: list[LinkItemView]


async def login_link(call: Call[OfSubscription, None]) -> Reply:
    """A look at the headers makes none."""
    core, by = asked(call)
    if call.request.method == "HEAD":
        async with core.database.read() as tx:
            await visible.domain(tx, by, _SCOPE, call.path["domain"])
        return Reply(data=None, headers=UNSEEN)
    made = await login_links.make(core, by, call.path["domain"])
    return Reply(data=LinkView(link=made.url), headers=UNSEEN)


async def login_link_many(call: Call[OfSubscription, LinksBody]) -> Reply:
    core, by = asked(call)
    outcomes = await login_links.make_many(core, by, [each.domain for each in call.body.domains])
    items = [LinkItemView.of(each) for each in outcomes]
    good = [each for each in items if each.link is not None]
    view = LinksView(successes=good, errors=[each for each in items if each.link is None])
    return Reply(data=view, headers=UNSEEN)


ROUTES = (
    Route(
        "GET",
        f"{ROOT}/domains/{{domain}}/login-link",
        on_domain(login_link),
        summary="Make a link that signs in, once and for a limited time, as administrator of the domain",
        query=OfSubscription,
        response=LinkView,
        scope=_SCOPE,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        f"{ROOT}/domains/batch/login-link",
        login_link_many,
        summary="Make login links for up to 1,000 domains, each with a result of its own",
        query=OfSubscription,
        body=LinksBody,
        response=LinksView,
        scope=_SCOPE,
    ),
)
