"""Domains and their sender rules."""

from typing import Literal

from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field

from core.api import domains as own
from core.api.fields import Text
from core.api.services import asked, paged
from core.dialects.mxguard.thresholds import Thresholds
from core.lists.service import Wanted
from core.lists.store import Listed
from core.paging.query import Paging
from core.service import domains, lists
from core.service.domain_changes import DomainChange, PolicyChange
from core.service.domains import Filter, Place
from core.service.lists import RuleChange
from core.service.provisioning import NewDomain
from core.store.clock import iso_seconds
from core.store.domains import Domain
from hub.web.errors import Conflict, CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_READ, _WRITE = "domains:read", "domains:write"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewDomainBody(_Strict):
    domain: str = Field(min_length=1, max_length=300)
    real_mx_host: str = Field(min_length=1, max_length=300, description="Where clean mail goes.")


class DomainBody(_Strict):
    real_mx_host: str | None = Field(None, min_length=1, max_length=300)
    thresholds: Thresholds | None = None

    def change(self, before: Domain) -> DomainChange:
        """Raises `ValidationFailed`."""
        policy = self.thresholds.change(before.policy.thresholds) if self.thresholds else PolicyChange()
        return DomainChange(real_mx_host=self.real_mx_host or UNSET, policy=policy)


class DomainView(BaseModel):
    domain: str
    real_mx_host: str | None
    status: str = Field(description="pending_verification, active, suspended.")
    thresholds: Thresholds
    created_at: str

    @classmethod
    def of(cls, found: Domain) -> "DomainView":
        return cls(
            domain=found.name,
            real_mx_host=found.real_mx_host,
            status="pending_verification" if found.status == "pending" else found.status,
            thresholds=Thresholds.of(found.policy.thresholds),
            created_at=iso_seconds(found.created_ms),
        )


class NewRuleBody(_Strict):
    action: Literal["allow", "block"]
    pattern: str = Field(
        min_length=1, max_length=1000, description="user@d, d, @d, .d, an address, a network."
    )
    note: Text | None = None


class RuleBody(_Strict):
    note: Text | None = None


class RuleView(BaseModel):
    id: str
    domain: str
    action: Literal["allow", "block"]
    pattern: str
    note: str | None
    created_at: str

    @classmethod
    def of(cls, entry: Listed) -> "RuleView":
        return cls(
            id=entry.id,
            domain=entry.shelf.owner,
            action="allow" if entry.kind == "safe" else "block",
            pattern=entry.item,
            note=entry.note or None,
            created_at=iso_seconds(entry.created_ms),
        )


async def listing(call: Call[Paging, None]) -> Reply:
    core, by = asked(call)
    place = Place(limit=call.query.limit, cursor=call.query.cursor)
    async with core.database.read() as tx:
        found = await domains.every(core, tx, by, Filter(), place)
    return paged(found, DomainView.of)


async def create(call: Call[None, NewDomainBody]) -> Reply:
    core, by = asked(call)
    change = DomainChange(real_mx_host=call.body.real_mx_host)
    made = await domains.create(core, by, NewDomain(name=call.body.domain, change=change))
    return Reply(data=DomainView.of(made.domain))


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=DomainView.of(await domains.get(tx, by, call.path["domain"])))


async def change(call: Call[None, DomainBody]) -> Reply:
    core, by = asked(call)
    name = call.path["domain"]
    async with core.database.begin() as tx:
        wanted = call.body.change(await domains.get(tx, by, name))
        changed = await domains.change(core, tx, by, name, wanted)
    return Reply(data=DomainView.of(changed))


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=DomainView.of(await domains.remove(core, by, call.path["domain"])))


async def rules(call: Call[Paging, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        where = await lists.shelf(tx, by, lists.READ, "domain", call.path["domain"])
        found = await lists.listed(core, tx, by, where, None, limit=query.limit, cursor=query.cursor)
    return paged(found, RuleView.of)


async def add_rule(call: Call[None, NewRuleBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    async with core.database.begin() as tx:
        where = await lists.shelf(tx, by, lists.WRITE, "domain", call.path["domain"])
        wanted = Wanted(item=body.pattern, note=body.note or "")
        kind: Literal["safe", "block"] = "safe" if body.action == "allow" else "block"
        added = await lists.add(core, tx, by, where, kind, wanted)
    return Reply(data=RuleView.of(added.entry))


async def change_rule(call: Call[None, RuleBody]) -> Reply:
    core, by = asked(call)
    given = RuleChange(note=call.body.note or "" if "note" in call.body.model_fields_set else UNSET)
    async with core.database.begin() as tx:
        changed = await lists.change(core, tx, by, call.path["domain"], call.path["id"], given)
    return Reply(data=RuleView.of(changed))


async def remove_rule(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        gone = await lists.remove(core, tx, by, call.path["domain"], call.path["id"])
    return Reply(data=RuleView.of(gone))


_ALL, _ONE = "/api/v1/domains", "/api/v1/domains/{domain}"
_RULES = f"{_ONE}/rules"
_RULE = f"{_RULES}/{{id}}"
_THERE = (NotFound,)

ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Your domains, the newest first",
        query=Paging,
        response=list[DomainView],
        scope=_READ,
        errors=(CursorExpired,),
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Add a domain",
        body=NewDomainBody,
        response=DomainView,
        status=201,
        scope=_WRITE,
        errors=(Conflict,),
    ),
    Route(
        "POST",
        f"{_ALL}:batch",
        own.batch,
        summary="Add and remove up to 1,000 domains, each with its own outcome",
        query=own.CreateQuery,
        body=own.BatchBody,
        response=own.BatchView,
        scope=_WRITE,
    ),
    Route("GET", _ONE, one, summary="One domain", response=DomainView, scope=_READ, errors=_THERE),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change a domain",
        body=DomainBody,
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "DELETE",
        _ONE,
        remove,
        summary="Remove a domain",
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "GET",
        _RULES,
        rules,
        summary="Sender rules of a domain, the newest first",
        query=Paging,
        response=list[RuleView],
        scope=lists.READ,
        errors=(NotFound, CursorExpired),
    ),
    Route(
        "POST",
        _RULES,
        add_rule,
        summary="Add a sender rule",
        body=NewRuleBody,
        response=RuleView,
        status=201,
        scope=lists.WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "PATCH",
        _RULE,
        change_rule,
        summary="Change a sender rule's note",
        body=RuleBody,
        response=RuleView,
        scope=lists.WRITE,
        errors=_THERE,
    ),
    Route(
        "DELETE",
        _RULE,
        remove_rule,
        summary="Remove a sender rule",
        response=RuleView,
        scope=lists.WRITE,
        errors=_THERE,
    ),
)
