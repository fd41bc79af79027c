"""`/users/{email}`: recipients, and what is set for each."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.api.services import asked, paged
from core.paging.query import Paging
from core.service import recipients
from core.service.recipients import READ, WRITE
from core.store.clock import iso_millis
from core.store.recipients import Recipient
from hub.web.errors import CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "RecipientView"]

_ONE = "/api/v1/users/{email}"
Filtering = Literal["true", "false", "compute"]


class RecipientView(BaseModel):
    id: str
    email: str
    domain: str
    admin: bool
    filter: Filtering = Field(description="compute leaves it to the domain.")
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, found: Recipient) -> "RecipientView":
        return cls(
            id=found.id,
            email=found.email,
            domain=found.domain,
            admin=found.admin,
            filter=found.filter,
            created_at=iso_millis(found.created_ms),
            updated_at=iso_millis(found.updated_ms),
        )


def _left_out() -> Any:
    """Stays as it is."""
    return None


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


class RecipientBody(BaseModel):
    """What is left out stays; a new one is no administrator, and its domain decides about filtering."""

    model_config = ConfigDict(extra="forbid")

    admin: bool = Field(default_factory=_left_out, description="Administers the domain.")
    filter: Annotated[Filtering, BeforeValidator(_word)] = Field(
        default_factory=_left_out, description="Whether their mail is filtered; a boolean is accepted too."
    )


async def put(call: Call[None, RecipientBody]) -> Reply:
    core, by = asked(call)
    body: RecipientBody = call.body
    async with core.database.begin() as tx:
        found, is_new = await recipients.put(
            core, tx, by, call.path["email"], admin=body.admin, filtering=body.filter
        )
    return Reply(data=RecipientView.of(found), status=201 if is_new else 200)


async def change(call: Call[None, RecipientBody]) -> Reply:
    core, by = asked(call)
    body: RecipientBody = call.body
    async with core.database.begin() as tx:
        found, _ = await recipients.put(
            core, tx, by, call.path["email"], admin=body.admin, filtering=body.filter, must_exist=True
        )
    return Reply(data=RecipientView.of(found))


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=RecipientView.of(await recipients.get(tx, by, call.path["email"])))


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await recipients.remove(core, tx, by, call.path["email"])
    return Reply(data=None, message="Nothing is set for the recipient any more")


async def listing(call: Call[Paging, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await recipients.listed(
            core, tx, by, call.path["domain"], limit=query.limit, cursor=query.cursor
        )
    return paged(found, RecipientView.of)


ROUTES = (
    Route(
        "GET",
        "/api/v1/domains/{domain}/users",
        listing,
        summary="Recipients of a domain for whom something is set, the newest first",
        query=Paging,
        response=list[RecipientView],
        scope=READ,
        errors=(NotFound, CursorExpired),
    ),
    Route(
        "PUT",
        _ONE,
        put,
        summary="Set something for a recipient",
        body=RecipientBody,
        response=RecipientView,
        scope=WRITE,
        errors=(NotFound,),
    ),
    Route("GET", _ONE, one, summary="One recipient", response=RecipientView, scope=READ, errors=(NotFound,)),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change what is set for a recipient",
        body=RecipientBody,
        response=RecipientView,
        scope=WRITE,
        errors=(NotFound,),
    ),
    Route("DELETE", _ONE, remove, summary="Forget it", scope=WRITE, errors=(NotFound,)),
)
