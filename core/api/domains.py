"""`/domains`: listed, added, read, changed, removed, many at once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.domain_models import DomainBody, DomainView, NewDomainBody, change_of
from core.api.fields import Word
from core.api.services import asked, paged
from core.paging.query import NumberedPaging
from core.service import domains, provisioning
from core.service.domain_view import version_of
from core.service.domains import Created, Filter, Place
from core.service.provisioning import MAX_ITEMS, Options, Outcome
from core.store.domains import Domain
from hub.web.errors import (
    Conflict,
    CursorExpired,
    NotFound,
    PreconditionFailed,
    UpstreamFailed,
    ValidationFailed,
)
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "shown"]

_READ, _WRITE = "domains:read", "domains:write"
_ONE = "/api/v1/domains/{domain}"


class DomainsQuery(NumberedPaging):
    names: list[str] | None = Field(None, max_length=MAX_ITEMS, description="Only these, by comma.")
    api_key_id: str | None = Field(None, description="Tied to this key; empty: tied to none.")
    status: Literal["pending", "active", "suspended"] | None = Field(None)
    verified: bool | None = Field(None)
    subscription_handle: str | None = Field(None)
    customer_id: str | None = Field(None)
    organization_id: str | None = Field(None)


class CreateQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    associate_key: bool = Field(False, description="Tie to the calling key: other keys do not see it.")
    overwrite: bool = Field(False, description="One that is there takes over what is given.")

    def options(self) -> Options:
        return Options(associate_key=self.associate_key, overwrite=self.overwrite)


class CreatedView(DomainView):
    host_says: str = Field("", description="Why the mail host does not have it yet, if so.")


class BatchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provision: list[NewDomainBody] = Field(default_factory=list, max_length=MAX_ITEMS)
    deprovision: list[Word] = Field(default_factory=list, max_length=MAX_ITEMS, description="Names.")


class ItemView(BaseModel):
    domain: str
    code: int = Field(description="201 added, 200 changed or removed, or the status of the error.")
    comment: str


class BatchView(BaseModel):
    successes: list[ItemView]
    errors: list[ItemView]


def shown(domain: Domain, message: str = "") -> Reply:
    """A domain with its entity tag."""
    return Reply(data=DomainView.of(domain), message=message, headers={"ETag": f'"{version_of(domain)}"'})


async def listing(call: Call[DomainsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    narrow = Filter(
        names=query.names,
        api_key_id=query.api_key_id,
        status=query.status,
        subscription=query.subscription_handle,
        customer_id=query.customer_id,
        organization_id=query.organization_id,
        verified=query.verified,
    )
    place = Place(limit=query.limit, cursor=query.cursor, page=query.page, offset=query.offset)
    async with core.database.read() as tx:
        found = await domains.every(core, tx, by, narrow, place)
    return paged(found, DomainView.of)


async def create(call: Call[CreateQuery, NewDomainBody]) -> Reply:
    core, by = asked(call)
    made: Created = await domains.create(core, by, call.body.wanted(), call.query.options())
    view = CreatedView(**DomainView.of(made.domain).model_dump(), host_says=made.host_says)
    headers = {"ETag": f'"{version_of(made.domain)}"'}
    return Reply(data=view, status=201 if made.is_new else 200, headers=headers)


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return shown(await domains.get(tx, by, call.path["domain"]))


async def change(call: Call[None, DomainBody]) -> Reply:
    core, by = asked(call)
    if_match = call.request.headers.get("If-Match")
    async with core.database.begin() as tx:
        changed = await domains.change(
            core, tx, by, call.path["domain"], change_of(call.body), if_match=if_match
        )
    return shown(changed)


async def put(call: Call[None, DomainBody]) -> Reply:
    return await change(call)


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    gone = await domains.remove(core, by, call.path["domain"])
    return Reply(data=None, message=f"{gone.name} is removed")


async def batch(call: Call[CreateQuery, BatchBody]) -> Reply:
    core, by = asked(call)
    body: BatchBody = call.body
    items = len(body.provision) + len(body.deprovision)
    if not 0 < items <= MAX_ITEMS:
        raise ValidationFailed.of("provision", f"{items} domains with deprovision: 1 to {MAX_ITEMS}")
    async with core.database.begin() as tx:
        gone = await provisioning.deprovision(core, tx, by, body.deprovision) if body.deprovision else []
        wanted = [each.wanted() for each in body.provision]
        made = await provisioning.provision(core, tx, by, wanted, call.query.options()) if wanted else []
    outcomes = [*made, *gone]
    errors = [_item(each) for each in outcomes if each.error is not None]
    good = [_item(each) for each in outcomes if each.error is None]
    return Reply(data=BatchView(successes=good, errors=errors))


async def batch_path(call: Call[CreateQuery, BatchBody]) -> Reply:
    return await batch(call)


def _item(outcome: Outcome) -> ItemView:
    return ItemView(domain=outcome.domain, code=outcome.code, comment=outcome.comment)


_CHANGE = (NotFound, Conflict, PreconditionFailed)

ROUTES = (
    Route(
        "GET",
        "/api/v1/domains",
        listing,
        summary="Domains that the caller may see, the newest first",
        query=DomainsQuery,
        response=list[DomainView],
        scope=_READ,
        errors=(CursorExpired,),
    ),
    Route(
        "POST",
        "/api/v1/domains",
        create,
        summary="Add a domain",
        query=CreateQuery,
        body=NewDomainBody,
        response=CreatedView,
        status=201,
        scope=_WRITE,
        errors=(Conflict,),
        creates=True,
    ),
    Route(
        "POST",
        "/api/v1/domains:batch",
        batch,
        summary="Add and remove up to 1,000 domains, each with its own outcome",
        query=CreateQuery,
        body=BatchBody,
        response=BatchView,
        scope=_WRITE,
        creates=True,
    ),
    Route(
        "POST",
        "/api/v1/domains/batch",
        batch_path,
        summary="The same as /domains:batch",
        query=CreateQuery,
        body=BatchBody,
        response=BatchView,
        scope=_WRITE,
        creates=True,
    ),
    Route("GET", _ONE, one, summary="One domain", response=DomainView, scope=_READ, errors=(NotFound,)),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change what is given; with If-Match only what the caller saw",
        body=DomainBody,
        response=DomainView,
        scope=_WRITE,
        errors=_CHANGE,
    ),
    Route(
        "PUT",
        _ONE,
        put,
        summary="The same as PATCH",
        body=DomainBody,
        response=DomainView,
        scope=_WRITE,
        errors=_CHANGE,
    ),
    Route(
        "DELETE",
        _ONE,
        remove,
        summary="Remove a domain with all that belongs to it; not while its mail is in quarantine",
        scope=_WRITE,
        errors=(NotFound, Conflict, UpstreamFailed),
    ),
)
