"""`/domains/{domain}/forwarders` and `/catch-all`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Word
from core.api.services import asked, paged
from core.paging.query import PartPaging
from core.service import forwarding
from core.service.forwarding import READ, WRITE
from core.upstream.provider import CatchAll, Forwarder
from hub.web.errors import Conflict, NotFound, RateLimited, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "CatchAllView", "ForwarderView"]

_TROUBLE = (NotFound, RateLimited, UpstreamFailed)
_NO_EFFECT = (
    "changed, without effect while the domain's mailboxes_complete is false: servers behind know who is there"
)


class ForwarderView(BaseModel):
    alias: str
    email: str
    destinations: list[str] = Field(description="Addresses, or :blackhole: or :fail: alone.")

    @classmethod
    def of(cls, found: Forwarder, domain: str) -> "ForwarderView":
        email = f"{found.alias}@{domain}"
        return cls(alias=found.alias, email=email, destinations=list(found.destinations))


class NewForwarderBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    alias: Word = Field(description="The part before the @.")
    destinations: list[Word] = Field(
        min_length=1, max_length=100, description="Addresses, or :blackhole: or :fail: alone."
    )


class CatchAllView(BaseModel):
    """What becomes of mail to names that nobody has."""

    type: Literal["fail", "blackhole", "address"]
    address: str | None = Field(description="With `address` only.")

    @classmethod
    def of(cls, found: CatchAll) -> "CatchAllView":
        return cls(type=found.kind, address=found.address or None)


class CatchAllBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["fail", "blackhole", "address"] = Field(description="Refuse, throw away, or hand on.")
    address: Word | None = Field(None, description="With `address` only.")


async def listing(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    domain = call.path["domain"]
    found = await forwarding.listed(core, by, domain)
    return paged(call.query.part(found), lambda each: ForwarderView.of(each, domain))


async def create(call: Call[None, NewForwarderBody]) -> Reply:
    core, by = asked(call)
    domain, body = call.path["domain"], call.body
    made = await forwarding.create(core, by, domain, body.alias, body.destinations)
    return Reply(data=ForwarderView.of(made, domain), message="created")


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await forwarding.remove(core, by, call.path["domain"], call.path["alias"])
    return Reply(data=None, message="deleted")


async def catch_all(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=CatchAllView.of(await forwarding.catch_all(core, by, call.path["domain"])))


async def set_catch_all(call: Call[None, CatchAllBody]) -> Reply:
    core, by = asked(call)
    wanted = CatchAll(kind=call.body.type, address=call.body.address or "")
    changed = await forwarding.set_catch_all(core, by, call.path["domain"], wanted)
    counts = await forwarding.catch_all_counts(core, by, call.path["domain"])
    return Reply(data=CatchAllView.of(changed), message="changed" if counts else _NO_EFFECT)


_ALL = "/api/v1/domains/{domain}/forwarders"
_CATCH_ALL = "/api/v1/domains/{domain}/catch-all"
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Forwarders of a domain, by alias",
        query=PartPaging,
        response=list[ForwarderView],
        scope=READ,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make a forwarder",
        body=NewForwarderBody,
        response=ForwarderView,
        status=201,
        scope=WRITE,
        errors=(*_TROUBLE, Conflict),
        creates=True,
    ),
    Route("DELETE", f"{_ALL}/{{alias}}", remove, summary="Remove a forwarder", scope=WRITE, errors=_TROUBLE),
    Route(
        "GET",
        _CATCH_ALL,
        catch_all,
        summary="What becomes of mail to unknown names",
        response=CatchAllView,
        scope=READ,
        errors=_TROUBLE,
    ),
    Route(
        "PATCH",
        _CATCH_ALL,
        set_catch_all,
        summary="Set what becomes of mail to unknown names",
        body=CatchAllBody,
        response=CatchAllView,
        scope=WRITE,
        errors=_TROUBLE,
    ),
)
