"""Below `/domains/{domain}`: aliases, downstream addresses, the key that it is associated with."""

from pydantic import BaseModel, Field

from core.api.services import asked
from core.dialects.mailchannels.access import OfSubscription, checked, on_domain
from core.dialects.mailchannels.domains import ROOT
from core.dialects.mailchannels.models import Address, DomainView, Lenient
from core.dns.names import unicode_name
from core.paging.counted import MAX_SKIPPED, part
from core.service import domain_parts, domains
from core.service.domain_changes import MAX_DOWNSTREAMS, DomainChange
from hub.web.errors import Conflict, NotFound, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_READ, _WRITE = "domains:read", "domains:write"
_MOST_ALIAS = 255


class AddressesQuery(OfSubscription):
    limit: int = Field(MAX_DOWNSTREAMS, ge=1)
    offset: int = Field(0, ge=0, le=MAX_SKIPPED)


class AddressesBody(Lenient):
    records: list[Address] = Field(
        max_length=MAX_DOWNSTREAMS, description="They take the place of all; an empty list removes them."
    )


class AddressesView(BaseModel):
    records: list[Address]


class KeyBody(Lenient):
    api_key: str = Field(alias="apiKey", min_length=1, max_length=256, repr=False)


class AliasView(BaseModel):
    domain: DomainView
    alias: str


async def add_alias(call: Call[OfSubscription, None]) -> Reply:
    core, by = asked(call)
    alias = _alias(call.path["alias"])
    async with core.database.begin() as tx:
        domain, _ = await domain_parts.add_alias(core, tx, by, call.path["domain"], alias)
    return Reply(data=AliasView(domain=DomainView.of(domain), alias=unicode_name(alias)))


async def remove_alias(call: Call[OfSubscription, None]) -> Reply:
    core, by = asked(call)
    alias = _alias(call.path["alias"])
    async with core.database.begin() as tx:
        await domain_parts.remove_alias(core, tx, by, call.path["domain"], alias)
    return Reply(data=None)


def _alias(text: str) -> str:
    if len(text) > _MOST_ALIAS:
        raise ValidationFailed.of("alias", f"{len(text)} characters, at most {_MOST_ALIAS}")
    return checked(text, "alias")


async def downstream(call: Call[AddressesQuery, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        domain = await domains.get(tx, by, call.path["domain"])
    found = part(domain.downstreams, limit=call.query.limit, offset=call.query.offset)
    return Reply(data=AddressesView(records=[Address.of(each) for each in found.items]))


async def set_downstream(call: Call[OfSubscription, AddressesBody]) -> Reply:
    core, by = asked(call)
    wanted = DomainChange(downstreams=tuple(each.server() for each in call.body.records))
    async with core.database.begin() as tx:
        domain = await domains.change(core, tx, by, call.path["domain"], wanted)
    return Reply(data=AddressesView(records=[Address.of(each) for each in domain.downstreams]))


async def associate(call: Call[OfSubscription, KeyBody]) -> Reply:
    core, by = asked(call)
    await domain_parts.hand_over(core, by, call.path["domain"], call.body.api_key)
    return Reply(data=None)


_ONE = f"{ROOT}/domains/{{domain}}"
_ALIAS = f"{_ONE}/alias/{{alias}}"
_SERVERS = f"{_ONE}/downstream-address"
ROUTES = (
    Route(
        "POST",
        _ALIAS,
        on_domain(add_alias),
        summary="Add another name",
        query=OfSubscription,
        response=AliasView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "DELETE",
        _ALIAS,
        on_domain(remove_alias),
        summary="Take a name off",
        query=OfSubscription,
        status=204,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        _SERVERS,
        on_domain(downstream),
        summary="Where a domain's mail goes",
        query=AddressesQuery,
        response=AddressesView,
        scope=_READ,
        errors=(NotFound,),
    ),
    Route(
        "PUT",
        _SERVERS,
        on_domain(set_downstream),
        summary="Replace all downstream addresses",
        query=OfSubscription,
        body=AddressesBody,
        response=AddressesView,
        status=201,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "PUT",
        f"{_ONE}/api-key",
        on_domain(associate),
        summary="Associate the domain with another key; the one that asks loses it",
        query=OfSubscription,
        body=KeyBody,
        status=204,
        scope=_WRITE,
        errors=(NotFound,),
    ),
)
