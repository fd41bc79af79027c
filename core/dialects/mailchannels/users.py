"""`PUT /users`: a mailbox user, with first entries of its lists."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from core.api.fields import Word
from core.api.services import asked
from core.dialects.mailchannels.access import OfSubscription, explained
from core.dialects.mailchannels.domains import ROOT
from core.dialects.mailchannels.lists import entries, put
from core.dialects.mailchannels.models import ItemView, Lenient
from core.lists.service import MAX_ITEMS
from core.service import lists, recipients
from core.service.by import By
from core.service.core import Core
from core.service.domain_text import checked_address
from core.service.recipients import WRITE
from core.store import recipients as stored
from core.store.recipients import Recipient
from hub.web.errors import Forbidden, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_FILTERS: dict[str, bool] = {"true": True, "false": False}
_Items = Annotated[list[Word], Field(max_length=MAX_ITEMS)]


def _word(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class UserQuery(OfSubscription):
    email: str = Field(alias="email_address", min_length=1, max_length=320)
    admin: bool = Field(description="Whether they administer the domain.")
    filtering: Annotated[Literal["true", "false", "compute"], BeforeValidator(_word)] = Field(
        "compute", alias="filter", description="Whether their mail is filtered; compute: as the domain's."
    )
    overwrite: bool = Field(
        False, description="One that is there takes over what is given (beyond the public description)."
    )


class EntriesBody(Lenient):
    blocklist: _Items = Field(default_factory=list)
    safelist: _Items = Field(default_factory=list)


class UserBody(Lenient):
    list_entries: EntriesBody | None = None


class RecipientView(BaseModel):
    email_address: str
    roles: list[str]
    filter: bool | None = Field(None, description="Not there: as the domain's.")

    @classmethod
    def of(cls, found: Recipient) -> "RecipientView":
        roles = ["admin"] if found.admin else []
        return cls(email_address=found.email, roles=roles, filter=_FILTERS.get(found.filter))


class UserView(BaseModel):
    recipient: RecipientView
    list_entries: list[ItemView]


async def user(call: Call[UserQuery, UserBody]) -> Reply:
    core, by = asked(call)
    address = checked_address(call.query.email, field="email_address")
    try:
        async with explained(core, by, address.rpartition("@")[2]), core.database.begin() as tx:
            return await _put(core, tx, by, address, call)
    except NotFound as error:
        raise Forbidden(error.message) from error


async def _put(
    core: Core, tx: AsyncConnection, by: By, address: str, call: Call[UserQuery, UserBody]
) -> Reply:
    query, given = call.query, call.body.list_entries
    where = await lists.shelf(tx, by, lists.WRITE if given else lists.READ, "user", address)
    known = await stored.find(tx, by.tenant, address)
    if known is None or query.overwrite:
        found, is_new = await recipients.put(
            core, tx, by, address, admin=query.admin, filtering=query.filtering
        )
        if given is not None:
            await put(core, tx, by, where, "block", given.blocklist)
            await put(core, tx, by, where, "safe", given.safelist)
    else:
        found, is_new = known, False
    listed = await entries(core, tx, by, where, None)
    view = UserView(recipient=RecipientView.of(found), list_entries=[ItemView.of(each) for each in listed])
    return Reply(data=view, status=201 if is_new else 200)


ROUTES = (
    Route(
        "PUT",
        f"{ROOT}/users",
        user,
        summary="Make a mailbox user, with first entries of its lists; one that is there stays as it is",
        query=UserQuery,
        body=UserBody,
        response=UserView,
        status=201,
        scope=WRITE,
    ),
)
