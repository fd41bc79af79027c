"""Forwarders, catch-all, pointers."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from core.api.services import asked
from core.service import forwarding, pointers
from core.service.forwarding import READ, WRITE
from core.upstream.provider import CatchAll, Forwarder, Pointer
from hub.web.errors import Conflict, NotFound, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_TROUBLE = (NotFound, UpstreamFailed)


class ForwarderBody(BaseModel):
    alias: str = Field(max_length=320)
    destinations: list[str] = Field(max_length=100)


class CatchAllBody(BaseModel):
    type: Literal["fail", "blackhole", "address"]
    address: str | None = Field(None, max_length=320)


class PointerBody(BaseModel):
    pointer: str = Field(max_length=300)
    alias: bool = True


async def listing(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    domain = call.path["domain"]
    return Reply(data=[_forwarder(each, domain) for each in await forwarding.listed(core, by, domain)])


def _forwarder(found: Forwarder, domain: str) -> dict[str, Any]:
    email = f"{found.alias}@{domain}"
    return {"alias": found.alias, "email": email, "destinations": list(found.destinations)}


async def create(call: Call[None, ForwarderBody]) -> Reply:
    core, by = asked(call)
    domain, body = call.path["domain"], call.body
    return Reply(
        data=_forwarder(await forwarding.create(core, by, domain, body.alias, body.destinations), domain)
    )


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await forwarding.remove(core, by, call.path["domain"], call.path["alias"])
    return Reply(data=None)


async def catch_all(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=_catch_all(await forwarding.catch_all(core, by, call.path["domain"])))


async def set_catch_all(call: Call[None, CatchAllBody]) -> Reply:
    core, by = asked(call)
    wanted = CatchAll(kind=call.body.type, address=call.body.address or "")
    return Reply(data=_catch_all(await forwarding.set_catch_all(core, by, call.path["domain"], wanted)))


def _catch_all(found: CatchAll) -> dict[str, Any]:
    return {"type": found.kind, "address": found.address or None}


async def listed_pointers(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    found = await pointers.listed(core, by, call.path["domain"])
    return Reply(data=[_pointer(each) for each in found])


def _pointer(found: Pointer) -> dict[str, Any]:
    return {"pointer": found.name, "type": "alias" if found.is_alias else "redirect"}


async def create_pointer(call: Call[None, PointerBody]) -> Reply:
    core, by = asked(call)
    wanted = Pointer(name=call.body.pointer, is_alias=call.body.alias)
    return Reply(data=_pointer(await pointers.create(core, by, call.path["domain"], wanted)))


async def remove_pointer(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await pointers.remove(core, by, call.path["domain"], call.path["pointer"])
    return Reply(data=None)


_DOMAIN = "/api/domains/{domain}"
ROUTES = (
    Route("GET", f"{_DOMAIN}/forwarders", listing, summary="Forwarders", scope=READ, errors=_TROUBLE),
    Route(
        "POST",
        f"{_DOMAIN}/forwarders",
        create,
        summary="Make a forwarder",
        body=ForwarderBody,
        status=201,
        scope=WRITE,
        errors=(*_TROUBLE, Conflict),
    ),
    Route(
        "DELETE",
        f"{_DOMAIN}/forwarders/{{alias}}",
        remove,
        summary="Delete a forwarder",
        scope=WRITE,
        errors=_TROUBLE,
    ),
    Route("GET", f"{_DOMAIN}/catch-all", catch_all, summary="The catch-all", scope=READ, errors=_TROUBLE),
    Route(
        "PATCH",
        f"{_DOMAIN}/catch-all",
        set_catch_all,
        summary="Set the catch-all",
        body=CatchAllBody,
        scope=WRITE,
        errors=_TROUBLE,
    ),
    Route("GET", f"{_DOMAIN}/pointers", listed_pointers, summary="Pointers", scope=READ, errors=_TROUBLE),
    Route(
        "POST",
        f"{_DOMAIN}/pointers",
        create_pointer,
        summary="Add a pointer",
        body=PointerBody,
        status=201,
        scope=WRITE,
        errors=(*_TROUBLE, Conflict),
    ),
    Route(
        "DELETE",
        f"{_DOMAIN}/pointers/{{pointer}}",
        remove_pointer,
        summary="Remove a pointer",
        scope=WRITE,
        errors=_TROUBLE,
    ),
)
