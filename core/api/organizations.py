"""`/organizations`: domains that are looked at together."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from core.api.domain_models import DomainView
from core.api.services import asked, paged
from core.paging.query import Paging
from core.service import organizations
from core.service.organizations import Organization
from core.store.clock import iso_millis
from hub.web.errors import Conflict, CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "OrganizationView"]

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Customer = Annotated[str, Field(max_length=64)]


class OrganizationsQuery(Paging):
    customer_id: _Customer | None = None


class OrganizationView(BaseModel):
    id: str
    name: str
    customer_id: str | None
    created_at: str

    @classmethod
    def of(cls, found: Organization) -> "OrganizationView":
        created_at = iso_millis(found.created_ms)
        return cls(id=found.id, name=found.name, customer_id=found.customer_id or None, created_at=created_at)


class NewOrganizationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Name
    customer_id: _Customer | None = None


class OrganizationChangeBody(BaseModel):
    """What is not there stays."""

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = None
    customer_id: _Customer | None = Field(None, description="Null = no customer's.")

    def values(self) -> dict[str, str]:
        found = {} if self.name is None else {"name": self.name}
        if "customer_id" in self.model_fields_set:
            found["customer_id"] = self.customer_id or ""
        return found


async def listing(call: Call[OrganizationsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await organizations.every(
            core, tx, by, customer_id=query.customer_id, limit=query.limit, cursor=query.cursor
        )
    return paged(found, OrganizationView.of)


async def create(call: Call[None, NewOrganizationBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    async with core.database.begin() as tx:
        made = await organizations.make(core, tx, by, body.name, customer_id=body.customer_id or "")
    return Reply(data=OrganizationView.of(made), message="created")


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=OrganizationView.of(await organizations.find(tx, by, call.path["organization"])))


async def change(call: Call[None, OrganizationChangeBody]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        changed = await organizations.change(core, tx, by, call.path["organization"], call.body.values())
    return Reply(data=OrganizationView.of(changed), message="changed")


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await organizations.remove(core, tx, by, call.path["organization"])
    return Reply(data=None, message="deleted")


async def domains(call: Call[Paging, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await organizations.domains(
            core, tx, by, call.path["organization"], limit=query.limit, cursor=query.cursor
        )
    return paged(found, DomainView.of)


_ALL = "/api/v1/organizations"
_ONE = f"{_ALL}/{{organization}}"
_READ, _WRITE = "customers:read", "customers:write"
_NONE = (NotFound,)
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Organizations, the newest first",
        query=OrganizationsQuery,
        response=list[OrganizationView],
        scope=_READ,
        errors=(CursorExpired,),
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Add an organization",
        body=NewOrganizationBody,
        response=OrganizationView,
        status=201,
        scope=_WRITE,
        creates=True,
    ),
    Route("GET", _ONE, one, summary="One organization", response=OrganizationView, scope=_READ, errors=_NONE),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change an organization",
        body=OrganizationChangeBody,
        response=OrganizationView,
        scope=_WRITE,
        errors=_NONE,
    ),
    Route(
        "DELETE",
        _ONE,
        remove,
        summary="Remove an organization without domains",
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "GET",
        f"{_ONE}/domains",
        domains,
        summary="Domains of an organization, the newest first",
        query=Paging,
        response=list[DomainView],
        scope="domains:read",
        errors=(NotFound, CursorExpired),
    ),
)
