"""`/tenants`: whose domains and people there are, made by whoever runs the service."""

from pydantic import BaseModel, ConfigDict, Field

from core.api.services import asked, paged
from core.api.visitors import UNSEEN
from core.paging.query import PartPaging
from core.service import tenants
from core.service.tenants import Invited, Tenant
from core.store.clock import iso_millis
from hub.access.scopes import ADMIN
from hub.web.errors import Conflict, Forbidden
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


class TenantView(BaseModel):
    tenant: str
    plan: str
    people: int = Field(description="Accounts; none = its first administrator has not come yet.")
    api_keys: int
    domains: int

    @classmethod
    def of(cls, found: Tenant) -> "TenantView":
        return cls(
            tenant=found.name,
            plan=found.plan,
            people=found.people,
            api_keys=found.keys,
            domains=found.domains,
        )


class NewTenantBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant: str = Field(
        min_length=1,
        max_length=63,
        description="Its name: letters, digits, dots, hyphens, underscores. It never changes.",
    )
    administrator: str = Field(max_length=256, description="The login, an address, of who administers it.")


class InvitedView(BaseModel):
    tenant: str
    administrator: str
    token: str = Field(description="For `POST /api/v1/setup`, once; it is in this answer and nowhere else.")
    expires_at: str

    @classmethod
    def of(cls, made: Invited) -> "InvitedView":
        until = iso_millis(made.expires_ms)
        return cls(tenant=made.tenant, administrator=made.login, token=made.token, expires_at=until)


async def listing(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await tenants.every(tx, by)
    return paged(call.query.part(found), TenantView.of)


async def create(call: Call[None, NewTenantBody]) -> Reply:
    core, by = asked(call)
    made = await tenants.make(core, by, call.body.tenant, call.body.administrator)
    message = "give the token to its administrator"
    return Reply(data=InvitedView.of(made), message=message, headers=UNSEEN)


_ALL = "/api/v1/tenants"
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Every tenant with how much there is of it, by name (whoever runs the service)",
        query=PartPaging,
        response=list[TenantView],
        scope=ADMIN,
        errors=(Forbidden,),
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make a tenant, and a token for its first administrator (whoever runs the service)",
        body=NewTenantBody,
        response=InvitedView,
        status=201,
        scope=ADMIN,
        errors=(Conflict, Forbidden),
        creates=True,
    ),
)
