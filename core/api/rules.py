"""`/domains/{domain}/rules`: sender rules, which are the entries of the domain's two lists."""

from typing import Any, Literal

from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Moment, Text
from core.api.list_models import ACTIONS, EntryBody, RuleView, wanted
from core.api.services import asked, paged
from core.paging.query import Paging
from core.service import lists
from core.service.lists import READ, WRITE, RuleChange
from hub.web.errors import Conflict, CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_ALL = "/api/v1/domains/{domain}/rules"
_ONE = f"{_ALL}/{{rule}}"


class RulesQuery(Paging):
    action: Literal["allow", "block"] | None = Field(None, description="Only these.")


class NewRuleBody(EntryBody):
    action: Literal["allow", "block"]
    pattern: str = Field(
        min_length=1, max_length=1000, description="user@d, d or @d, .d (subdomains), IP, CIDR, or *."
    )


def _left_out() -> Any:
    """Not looked at: what counts is which fields were set."""
    return None


class RuleBody(BaseModel):
    """A merge patch (RFC 7396): what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    note: Text = Field(default_factory=_left_out)
    expires_at: Moment = Field(default_factory=_left_out, description="Null: for ever.")


async def listing(call: Call[RulesQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    kind = ACTIONS[query.action] if query.action else None
    async with core.database.read() as tx:
        where = await lists.shelf(tx, by, READ, "domain", call.path["domain"])
        found = await lists.listed(core, tx, by, where, kind, limit=query.limit, cursor=query.cursor)
    return paged(found, RuleView.of)


async def create(call: Call[None, NewRuleBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    async with core.database.begin() as tx:
        where = await lists.shelf(tx, by, WRITE, "domain", call.path["domain"])
        new = wanted(body.pattern, body)
        added = await lists.add(core, tx, by, where, ACTIONS[body.action], new)
    return Reply(data=RuleView.of(added.entry))


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await lists.get(tx, by, READ, call.path["domain"], call.path["rule"])
    return Reply(data=RuleView.of(found))


async def change(call: Call[None, RuleBody]) -> Reply:
    core, by = asked(call)
    body, given = call.body, call.body.model_fields_set
    changes = RuleChange(
        note=body.note if "note" in given else UNSET,
        expires_ms=body.expires_at if "expires_at" in given else UNSET,
    )
    async with core.database.begin() as tx:
        changed = await lists.change(core, tx, by, call.path["domain"], call.path["rule"], changes)
    return Reply(data=RuleView.of(changed))


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await lists.remove(core, tx, by, call.path["domain"], call.path["rule"])
    return Reply(data=None, message="The rule is removed")


ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Sender rules of a domain, the newest first",
        query=RulesQuery,
        response=list[RuleView],
        scope=READ,
        errors=(NotFound, CursorExpired),
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Add a sender rule",
        body=NewRuleBody,
        response=RuleView,
        status=201,
        scope=WRITE,
        errors=(NotFound, Conflict),
        creates=True,
    ),
    Route("GET", _ONE, one, summary="One sender rule", response=RuleView, scope=READ, errors=(NotFound,)),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change a sender rule's note or end",
        body=RuleBody,
        response=RuleView,
        scope=WRITE,
        errors=(NotFound,),
    ),
    Route("DELETE", _ONE, remove, summary="Remove a sender rule", scope=WRITE, errors=(NotFound,)),
)
