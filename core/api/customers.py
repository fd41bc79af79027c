"""`/customers`: those whose domains a tenant looks after."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.services import asked, paged
from core.paging.query import Paging
from core.service import customers
from core.service.customers import Customer, NewCustomer
from core.store.clock import iso_millis
from hub.web.errors import Conflict, CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "CustomerView"]

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Status = Literal["active", "suspended"]


class CustomersQuery(Paging):
    status: _Status | None = None


class CustomerView(BaseModel):
    id: str
    name: str
    email: str
    status: str = Field(description="active, suspended.")
    settings: dict[str, Any] = Field(description="The tenant's own notes.")
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, found: Customer) -> "CustomerView":
        return cls(
            id=found.id,
            name=found.name,
            email=found.email,
            status=found.status,
            settings=dict(found.settings),
            created_at=iso_millis(found.created_ms),
            updated_at=iso_millis(found.updated_ms),
        )


class NewCustomerBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Name
    email: str = Field("", max_length=200)
    settings: dict[str, Any] = Field(default_factory=dict, description="At most 16 KiB.")


class CustomerChangeBody(BaseModel):
    """What is not there, or null, stays."""

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = None
    email: str | None = Field(None, max_length=200)
    status: _Status | None = None
    settings: dict[str, Any] | None = Field(None, description="In place of those before.")


async def listing(call: Call[CustomersQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await customers.every(
            core, tx, by, status=query.status, limit=query.limit, cursor=query.cursor
        )
    return paged(found, CustomerView.of)


async def create(call: Call[None, NewCustomerBody]) -> Reply:
    core, by = asked(call)
    new = NewCustomer(name=call.body.name, email=call.body.email, settings=call.body.settings)
    async with core.database.begin() as tx:
        return Reply(data=CustomerView.of(await customers.make(core, tx, by, new)), message="created")


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=CustomerView.of(await customers.find(tx, by, call.path["customer"])))


async def change(call: Call[None, CustomerChangeBody]) -> Reply:
    core, by = asked(call)
    values = call.body.model_dump(exclude_none=True)
    async with core.database.begin() as tx:
        changed = await customers.change(core, tx, by, call.path["customer"], values)
    return Reply(data=CustomerView.of(changed), message="changed")


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await customers.remove(core, tx, by, call.path["customer"])
    return Reply(data=None, message="deleted")


_ALL = "/api/v1/customers"
_ONE = f"{_ALL}/{{customer}}"
_READ, _WRITE = "customers:read", "customers:write"
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Customers, the newest first",
        query=CustomersQuery,
        response=list[CustomerView],
        scope=_READ,
        errors=(CursorExpired,),
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Add a customer",
        body=NewCustomerBody,
        response=CustomerView,
        status=201,
        scope=_WRITE,
        creates=True,
    ),
    Route("GET", _ONE, one, summary="One customer", response=CustomerView, scope=_READ, errors=(NotFound,)),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change a customer",
        body=CustomerChangeBody,
        response=CustomerView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        _ONE,
        remove,
        summary="Remove a customer who has nothing any more",
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
)
