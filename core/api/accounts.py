"""`/accounts`, `/delegations`: people, and what is delegated to them."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.grants import Grants, GrantView, given, views
from core.api.services import asked, paged
from core.paging.query import PartPaging
from core.service import people
from core.service.people import Delegation, NewAccount
from core.store.clock import iso_millis
from hub.access.accounts import Account
from hub.web.errors import Conflict, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "AccountView"]


class AccountView(BaseModel):
    """One person."""

    id: str
    login: str
    name: str
    admin: bool = Field(description="May do everything in the tenant.")
    active: bool
    has_password: bool
    second_factor: bool
    issuer: str | None = Field(description="The provider that they sign in at.")
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, account: Account) -> "AccountView":
        return cls(
            id=account.id,
            login=account.login,
            name=account.name,
            admin=account.admin,
            active=account.active,
            has_password=account.password is not None,
            second_factor=account.totp_proven,
            issuer=account.issuer,
            created_at=iso_millis(account.created_ms),
            updated_at=iso_millis(account.updated_ms),
        )


class IdentityBody(BaseModel):
    """At the provider."""

    model_config = ConfigDict(extra="forbid")

    issuer: str = Field(min_length=1, max_length=2048)
    subject: str = Field(min_length=1, max_length=256)


class NewAccountBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    login: str = Field(max_length=256, description="An address.")
    name: str = Field("", max_length=200)
    password: SecretStr | None = Field(None, max_length=256, description="12 characters or more.")
    admin: bool = False
    identity: IdentityBody | None = None


class AccountChangeBody(BaseModel):
    """What is not there, or null, stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=200)
    admin: bool | None = None
    active: bool | None = Field(None, description="Who is not active is signed out everywhere.")


class PasswordBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: SecretStr = Field(max_length=256, description="12 characters or more.")


class DelegationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: str = Field(min_length=1, max_length=256, description="Id or login.")
    grants: Grants = Field(description="In place of what was delegated before.")


class DelegationView(BaseModel):
    account: AccountView
    grants: list[GrantView]

    @classmethod
    def of(cls, found: Delegation) -> "DelegationView":
        return cls(account=AccountView.of(found.account), grants=views(found.grants))


async def listing(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    found = call.query.part(await people.every(core, by))
    return paged(found, AccountView.of)


async def create(call: Call[None, NewAccountBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    new = NewAccount(
        login=body.login,
        name=body.name,
        password=body.password.get_secret_value() if body.password else None,
        admin=body.admin,
        identity=(body.identity.issuer, body.identity.subject) if body.identity else None,
    )
    return Reply(data=AccountView.of(await people.make(core, by, new)), message="created")


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=AccountView.of(await people.find(core, by, call.path["account"])))


async def change(call: Call[None, AccountChangeBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    changed = await people.change(
        core, by, call.path["account"], name=body.name, admin=body.admin, active=body.active
    )
    return Reply(data=AccountView.of(changed), message="changed")


async def delete(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await people.delete(core, by, call.path["account"])
    return Reply(data=None, message="deleted")


async def set_password(call: Call[None, PasswordBody]) -> Reply:
    core, by = asked(call)
    await people.set_password(core, by, call.path["account"], call.body.password.get_secret_value())
    return Reply(data=None, message="changed")


async def sign_out(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await people.sign_out(core, by, call.path["account"])
    return Reply(data=None, message="signed out everywhere")


async def remove_second_factor(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await people.remove_second_factor(core, by, call.path["account"])
    return Reply(data=None, message="removed")


async def delegations(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    found = call.query.part(await people.delegations(core, by))
    return paged(found, DelegationView.of)


async def delegate(call: Call[None, DelegationBody]) -> Reply:
    core, by = asked(call)
    made = await people.delegate(core, by, call.body.account, given(call.body.grants))
    return Reply(data=DelegationView.of(made), message="delegated")


async def undelegate(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await people.undelegate(core, by, call.path["account"])
    return Reply(data=None, message="ended")


_ALL = "/api/v1/accounts"
_ONE = f"{_ALL}/{{account}}"
_GIVEN = "/api/v1/delegations"
_READ, _WRITE = "people:read", "people:write"
_NONE = (NotFound,)
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Accounts of people, by login",
        query=PartPaging,
        response=list[AccountView],
        scope=_READ,
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make an account",
        body=NewAccountBody,
        response=AccountView,
        status=201,
        scope=_WRITE,
        creates=True,
    ),
    Route("GET", _ONE, one, summary="One account", response=AccountView, scope=_READ, errors=_NONE),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change name, rights or whether it is active",
        body=AccountChangeBody,
        response=AccountView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route("DELETE", _ONE, delete, summary="Delete an account", scope=_WRITE, errors=(NotFound, Conflict)),
    Route(
        "PUT",
        f"{_ONE}/password",
        set_password,
        summary="Give somebody another password; they are signed out everywhere",
        body=PasswordBody,
        scope=_WRITE,
        errors=_NONE,
    ),
    Route(
        "POST",
        f"{_ONE}/sign-out",
        sign_out,
        summary="End all sessions of somebody",
        scope=_WRITE,
        errors=_NONE,
    ),
    Route(
        "DELETE",
        f"{_ONE}/second-factor",
        remove_second_factor,
        summary="Take off the second factor of somebody who has lost it",
        scope=_WRITE,
        errors=_NONE,
    ),
    Route(
        "GET",
        _GIVEN,
        delegations,
        summary="What is delegated, and to whom",
        query=PartPaging,
        response=list[DelegationView],
        scope=_READ,
    ),
    Route(
        "POST",
        _GIVEN,
        delegate,
        summary="Delegate domains to somebody, in place of what they had",
        body=DelegationBody,
        response=DelegationView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "DELETE",
        f"{_GIVEN}/{{account}}",
        undelegate,
        summary="End all that is delegated to somebody",
        scope=_WRITE,
        errors=_NONE,
    ),
)
