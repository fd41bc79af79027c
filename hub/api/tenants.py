"""Tenants: whose events there are, erasing one, and what is on record of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.api.services import Erasure, Services, services_of
from hub.archive.base import Archive, ErasureCheck
from hub.archive.query import Query
from hub.registry import Registry
from hub.web.errors import Conflict, NotFound, ServiceUnavailable
from hub.web.route import Call, Reply, Route
from hub.web.times import iso

__all__ = ["ROUTES"]

_MOST_TENANTS = 100_000
_UNSEEN = {"Cache-Control": "no-store"}
AskedBy = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class TenantItem(BaseModel):
    tenant: str
    state: str = Field(description="open, erasing, or erased (closed: nothing is taken in until reopened)")
    events: int = Field(description="Events in the archive.")
    sources: list[str] = Field(description="Sources that are configured for it.")


class NewTenant(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant: str = Field(
        min_length=1,
        max_length=63,
        description="Its name: letters, digits, dots, hyphens, underscores. It never changes.",
    )
    administrator: str = Field(max_length=256, description="The login, an address, of who administers it.")


class NewTenantItem(BaseModel):
    tenant: str
    administrator: str
    token: str = Field(description="Makes their account, once; it is in this answer and nowhere else.")
    setup_url: str = Field(description="Where it is taken, by a POST with token, login and password.")
    expires_at: str


class EraseRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asked_by: AskedBy = Field("operator", description="Who asked for it: goes on record.")
    dry_run: bool = Field(False, description="Only say what would be erased, and what cannot be.")


class ErasureItem(BaseModel):
    tenant: str
    state: str = Field(
        description="dry-run, draining, removing, log, connectors, recording; done once it is on record"
    )
    waits_for: str = Field(description="What holds it up right now; empty when nothing does.")
    asked_by: str
    asked: str | None
    done: str | None
    events: int = Field(description="Records erased from the archive; before that, events it holds.")
    digest: str = Field(description="SHA-256 over the sorted hashes of the erased records.")
    places: dict[str, int] = Field(description="What was removed where.")
    notes: list[str] = Field(description="What could not be erased from here, and other remarks.")


class RecordItem(ErasureItem):
    id: str
    upto_seq: int
    previous: str = Field(description="Hash of the record before it.")
    hash: str = Field(description="SHA-256 over this record, `previous` included.")
    verified: bool | None = Field(description="Whether it holds; null when that was not asked for.")
    problem: str = Field(description="Why it does not.")


class RecordFilter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    verify: bool = Field(False, description="Hold each record against the chain and the hashes left behind.")


async def list_(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    events = await _events(services)
    sources = _sources(services)
    closed = await services.erasures.closed()
    running = {name for name in closed if await services.erasures.running(name) is not None}
    items = [
        TenantItem(
            tenant=name,
            state="erasing" if name in running else "erased" if name in closed else "open",
            events=events.get(name, 0),
            sources=sources.get(name, []),
        )
        for name in sorted({*events, *sources, *closed})
    ]
    return Reply(data=items)


async def add(call: Call[None, NewTenant]) -> Reply:
    services = services_of(call.request)
    if services.new_tenant is None or call.principal is None:
        raise NotFound("There is no core beside this hub: its tenants are those that sources are of.")
    if call.body.tenant in await services.erasures.closed():
        raise Conflict(f"{call.body.tenant} was erased and is closed: reopen it first.")
    name, login = call.body.tenant, call.body.administrator
    made, url = await services.new_tenant(call.principal, call.request_id, name, login)
    item = NewTenantItem(
        tenant=made.tenant,
        administrator=made.login,
        token=made.token,
        setup_url=url,
        expires_at=iso(made.expires_ms),
    )
    return Reply(data=item, message="give the token to its administrator", headers=_UNSEEN)


async def erase(call: Call[None, EraseRequest]) -> Reply:
    services = services_of(call.request)
    tenant = await _known(services, call.path["tenant"])
    if call.body.dry_run:
        return Reply(data=await _preview(services, tenant), status=200)
    erasure = await services.erasures.start(tenant, call.body.asked_by)
    message = f"{tenant} is closed and will be erased; nothing of it is taken in any more."
    return Reply(data=_running(erasure, await _count(services, tenant)), message=message)


async def progress(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    tenant = call.path["tenant"]
    erasure = await services.erasures.running(tenant)
    if erasure is not None:
        return Reply(data=_running(erasure, await _count(services, tenant)))
    for check in reversed(await _records(services, verify=False)):
        if check.record.tenant == tenant:
            return Reply(data=_done(check))
    raise NotFound("No erasure of such a tenant runs or is on record.")


async def reopen(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    tenant = call.path["tenant"]
    try:
        was_closed = await services.erasures.reopen(tenant)
    except LookupError as error:
        raise Conflict(f"{tenant} is being erased: wait until that is done.") from error
    if not was_closed:
        raise NotFound("No such tenant is closed.")
    return Reply(data=None, message=f"{tenant} is open: its events are taken in again, from now on.")


async def erasures(call: Call[RecordFilter, None]) -> Reply:
    checks = await _records(services_of(call.request), verify=call.query.verify)
    return Reply(data=[_recorded(check, verified=call.query.verify) for check in checks])


def _archive(services: Services) -> Archive:
    if services.archive is None:
        raise ServiceUnavailable("This process has no archive.")
    return services.archive


async def _events(services: Services) -> Mapping[str, int]:
    found = await services.readers.run(_archive(services).facets, Query(), "tenant", _MOST_TENANTS)
    return dict(found)


def _sources(services: Services) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(services.settings.sources):
        found.setdefault(services.settings.tenant_of(name), []).append(name)
    return found


async def _count(services: Services, tenant: str) -> int:
    return await services.readers.run(_archive(services).count, Query(tenant=(tenant,)))


async def _known(services: Services, tenant: str) -> str:
    closed = await services.erasures.closed()
    if tenant in closed or tenant in _sources(services) or await _count(services, tenant):
        return tenant
    raise NotFound("There is no such tenant: no source and no event has it.")


async def _preview(services: Services, tenant: str) -> ErasureItem:
    kinds = Registry()
    notes = [
        f"{name} ({config.kind}) cannot be erased from here: what was delivered to it stays there"
        for name, config in sorted(services.settings.connectors.items())
        if kinds.connector(config.kind).erase is None
    ]
    events = await _count(services, tenant)
    places = {"archive": events, "sources": len(_sources(services).get(tenant, []))}
    return _item(tenant, "dry-run", events=events, places=places, notes=notes)


async def _records(services: Services, *, verify: bool) -> Sequence[ErasureCheck]:
    return await services.readers.run(lambda: services.erasures.records(check=verify))


def _item(tenant: str, state: str, **more: object) -> ErasureItem:
    blank = {"waits_for": "", "asked_by": "", "asked": None, "done": None, "events": 0, "digest": ""}
    return ErasureItem.model_validate(
        {"tenant": tenant, "state": state, "places": {}, "notes": [], **blank, **more}
    )


def _running(erasure: Erasure, events: int) -> ErasureItem:
    asked = iso(erasure.id)
    more = {"waits_for": erasure.holder, "asked_by": erasure.asked_by, "asked": asked, "events": events}
    return _item(erasure.tenant, erasure.stage, **more)


def _done(check: ErasureCheck) -> ErasureItem:
    record = check.record
    return _item(
        record.tenant,
        "done",
        asked_by=record.asked_by,
        asked=iso(record.asked_ms),
        done=iso(record.done_ms),
        events=record.events,
        digest=record.digest,
        places=dict(record.places),
        notes=list(record.notes),
    )


def _recorded(check: ErasureCheck, *, verified: bool) -> RecordItem:
    record = check.record
    return RecordItem(
        **_done(check).model_dump(),
        id=str(record.id),
        upto_seq=record.upto_seq,
        previous=record.previous,
        hash=record.hash,
        verified=check.problem is None if verified else None,
        problem=check.problem or "",
    )


ROUTES = (
    Route(
        "GET",
        "/api/v1/tenants",
        list_,
        summary="Every tenant with its sources and its events",
        response=list[TenantItem],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "POST",
        "/api/v1/tenants",
        add,
        summary="Make a tenant of the core beside the hub, and a token for its first administrator",
        body=NewTenant,
        response=NewTenantItem,
        status=201,
        errors=(NotFound, Conflict, ServiceUnavailable),
    ),
    Route(
        "POST",
        "/api/v1/tenants/{tenant}/erase",
        erase,
        summary="Close a tenant and erase all that is here of it (a dry run only tells)",
        body=EraseRequest,
        response=ErasureItem,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "GET",
        "/api/v1/tenants/{tenant}/erasure",
        progress,
        summary="How far the erasure of a tenant is, or the last one's record",
        response=ErasureItem,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "POST",
        "/api/v1/tenants/{tenant}/reopen",
        reopen,
        summary="Take the events of an erased tenant again",
        response=None,
        errors=(NotFound, Conflict, ServiceUnavailable),
    ),
    Route(
        "GET",
        "/api/v1/erasures",
        erasures,
        summary="What is on record of erasures, oldest first",
        query=RecordFilter,
        response=list[RecordItem],
        errors=(ServiceUnavailable,),
    ),
)
