"""Domains: listed by account and by organization, added, proven, scanned, removed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import UNSET

from core.api.services import CORE, asked
from core.dialects.mailsentinel.domain_models import (
    DkimRecord,
    DmarcRecord,
    DomainsQuery,
    DomainsView,
    DomainView,
    FoundDkim,
    FoundDmarc,
    FoundSpf,
    NewDomainBody,
    OneView,
    ScanBody,
    ScanView,
    SpfRecord,
    WholeDomainView,
    WholeView,
)
from core.dialects.mailsentinel.models import domain_name, pagination
from core.paging.counted import Counted
from core.service import dns, domain_proof, domains, organizations
from core.service.by import By
from core.service.core import Core
from core.service.domain_changes import DomainChange
from core.service.domains import Filter, Place
from core.service.provisioning import NewDomain
from core.store.clock import iso_seconds
from hub.web.errors import Conflict, NotFound, UpstreamFailed
from hub.web.route import Bare, Call, Reply, Route

__all__ = ["HEALTH", "ROUTES"]

_READ, _WRITE = "domains:read", "domains:write"


async def health(call: Call[None, None]) -> Bare:
    now_ms = call.request.app[CORE].clock()
    body = orjson.dumps({"status": "ok", "timestamp": iso_seconds(now_ms)})
    return Bare(body=body, media_type="application/json")


async def listing(call: Call[DomainsQuery, None]) -> Reply:
    core, by = asked(call)
    return await _listed(core, by, Filter(), call.query)


async def of_organization(call: Call[DomainsQuery, None]) -> Reply:
    """The account's own name stands for all of its domains."""
    core, by = asked(call)
    organization = call.path["orgId"]
    if organization == by.tenant:
        return await _listed(core, by, Filter(), call.query)
    async with core.database.read() as tx:
        await organizations.find(tx, by, organization)
    return await _listed(core, by, Filter(organization_id=organization), call.query)


async def create(call: Call[None, NewDomainBody]) -> Reply:
    core, by = asked(call)
    change = DomainChange(organization_id=call.body.organization_id or UNSET)
    made = await domains.create(core, by, NewDomain(name=call.body.domain, change=change))
    return Reply(data={"domain": DomainView.of(made.domain)})


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    name = await domain_name(core, by, _READ, call.path["domainId"])
    async with core.database.read() as tx:
        domain = await domains.get(tx, by, name)
    at_ms, found = await dns.known(core, by, name)
    view = WholeDomainView.of(
        domain,
        scanned_at=iso_seconds(at_ms),
        dmarc_records=[_part(DmarcRecord, each) for each in _there([found["dmarc"]])],
        spf_records=[_part(SpfRecord, each) for each in _there([found["spf"]])],
        dkim_records=[_part(DkimRecord, each) for each in _there(found["dkim"])],
    )
    return Reply(data={"domain": view})


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    name = await domain_name(core, by, _WRITE, call.path["domainId"])
    return Reply(data={"domain": DomainView.of(await domains.remove(core, by, name))})


async def verify(call: Call[None, None]) -> Reply:
    """Looks for the TXT record now."""
    core, by = asked(call)
    name = await domain_name(core, by, _WRITE, call.path["domainId"])
    proof = await domain_proof.verify(core, by, name)
    return Reply(data={"domain": DomainView.of(proof.domain)})


async def scan(call: Call[None, ScanBody]) -> Reply:
    core, by = asked(call)
    domain_id = call.path["domainId"]
    name = await domain_name(core, by, dns.WRITE, domain_id)
    done = await dns.scan(core, by, name, call.body.selectors)
    found = done.found
    view = ScanView(
        scan_id=done.id,
        domain_id=domain_id,
        timestamp=iso_seconds(done.at_ms),
        overall=done.overall,
        dmarc=_part(FoundDmarc, found["dmarc"]),
        spf=_part(FoundSpf, found["spf"]),
        dkim=[_part(FoundDkim, each) for each in found["dkim"]],
    )
    return Reply(data=view)


async def _listed(core: Core, by: By, narrow: Filter, query: DomainsQuery) -> Reply:
    async with core.database.read() as tx:
        found = await domains.every(core, tx, by, narrow, Place(limit=query.limit, page=query.page))
    assert isinstance(found, Counted)  # noqa: S101 - narrows the type: a page was asked for by number
    views = [DomainView.of(each) for each in found.items]
    return Reply(data={"domains": views, "pagination": pagination(found)})


def _there(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in records if each["found"]]


def _part(model: Any, record: Mapping[str, Any]) -> Any:
    """Of what `core.dns.scan` found, what the model has."""
    return model.model_validate(record)


_DOMAINS: Final = "/api/domains"
_ONE: Final = f"{_DOMAINS}/{{domainId}}"

HEALTH: Final = tuple(
    Route("GET", path, health, summary="Whether it is up", scope=None, media_types=("application/json",))
    for path in ("/health", "/api/health")
)

ROUTES: Final = (
    Route(
        "GET",
        _DOMAINS,
        listing,
        summary="Domains of the account, the newest first",
        query=DomainsQuery,
        response=DomainsView,
        scope=_READ,
    ),
    Route(
        "GET",
        "/api/organizations/{orgId}/domains",
        of_organization,
        summary="Domains of an organization, the newest first",
        query=DomainsQuery,
        response=DomainsView,
        scope=_READ,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        _DOMAINS,
        create,
        summary="Add a domain",
        body=NewDomainBody,
        response=OneView,
        status=201,
        scope=_WRITE,
        errors=(Conflict,),
    ),
    Route(
        "GET",
        _ONE,
        one,
        summary="One domain with its records",
        response=WholeView,
        scope=_READ,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        _ONE,
        remove,
        summary="Remove a domain",
        response=OneView,
        scope=_WRITE,
        errors=(NotFound, Conflict, UpstreamFailed),
    ),
    Route(
        "POST",
        f"{_ONE}/verify",
        verify,
        summary="Look for the record that proves whose the domain is",
        response=OneView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        f"{_ONE}/scan",
        scan,
        summary="Look its records up now",
        body=ScanBody,
        response=ScanView,
        scope=dns.WRITE,
        errors=(NotFound,),
    ),
)
