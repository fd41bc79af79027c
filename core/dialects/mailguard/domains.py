"""`/domains`: list, add, change (merge-patch), remove; by integer ids."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain as Name
from core.api.services import asked
from core.engine.verdict import Thresholds
from core.service import domains as service
from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.service.domain_changes import MAX_DOWNSTREAMS, DomainChange, PolicyChange
from core.service.domain_text import checked_server, server_named
from core.service.provisioning import NewDomain
from core.store.clock import iso_seconds
from core.store.domains import Domain, Downstream
from hub.web.errors import Conflict, NotFound, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "DomainView"]

_READ, _WRITE = "domains:read", "domains:write"
_Server = Annotated[str, Field(min_length=1, max_length=300)]
_Servers = Annotated[list[_Server], Field(max_length=MAX_DOWNSTREAMS, description="host or host:port.")]
_Score = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Direction = Literal["inbound", "outbound", "both"]
_USUAL = Thresholds()
_PLAIN = ("direction", "active", "dkim_active", "dmarc_reporting")


class ListQuery(BaseModel):
    """All domains, unless a part is asked for."""

    model_config = ConfigDict(extra="ignore")

    limit: int = Field(100_000, ge=1, le=100_000)
    offset: int = Field(0, ge=0, le=100_000)


class DomainBody(BaseModel):
    """A merge-patch (RFC 7396): what is not there stays, null takes back to what is usual."""

    model_config = ConfigDict(extra="ignore")

    name: Name | None = Field(None, description="The name stays what it is.")
    direction: Direction | None = None
    active: bool | None = None
    backend_servers: _Servers | None = None
    quarantine_threshold: _Score | None = None
    reject_threshold: _Score | None = None
    dkim_active: bool | None = None
    dmarc_reporting: bool | None = None
    tenant_id: int | None = Field(None, ge=1, le=2**31 - 1)

    def change(self, hostname: str, before: Thresholds) -> DomainChange:
        """`hostname` is this filter's own name, `before` what holds now. Raises `ValidationFailed`."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        values: dict[str, Any] = {
            name: _UNSAID[name] if given[name] is None else given[name] for name in _PLAIN if name in given
        }
        if "backend_servers" in given:
            values["downstreams"] = _servers(given["backend_servers"] or (), hostname)
        if "tenant_id" in given:
            values["tenant_number"] = given["tenant_id"]
        return DomainChange(**values, policy=_limits(given, before))


def _limits(given: dict[str, Any], before: Thresholds) -> PolicyChange:
    """MailGuard has two limits: the one for tagging, which it does not show, comes down with them."""
    if not {"quarantine_threshold", "reject_threshold"} & set(given):
        return PolicyChange()
    limits = {}
    for name in ("quarantine", "reject"):
        score = given.get(f"{name}_threshold", getattr(before, name))
        limits[name] = getattr(_USUAL, name) if score is None else score
    if limits["quarantine"] > limits["reject"]:
        said = f"{limits['quarantine']:g} is above reject_threshold {limits['reject']:g}"
        raise ValidationFailed.of("quarantine_threshold", said)
    return PolicyChange(**limits, tag=min(before.tag, limits["quarantine"]))


def _servers(texts: Sequence[str], hostname: str) -> list[Downstream]:
    found: dict[tuple[str, int], Downstream] = {}
    for place, text in enumerate(texts):
        field = f"backend_servers.{place}"
        server = checked_server(server_named(text, field=field), hostname, field=field)
        if found.setdefault((server.host, server.port), server) is not server:
            raise ValidationFailed.of(field, f"{server.address} stands there twice")
    return list(found.values())


class NewDomainBody(DomainBody):
    """A domain to filter."""

    name: Name


class DomainView(BaseModel):
    """A domain that is filtered."""

    id: int
    name: str
    direction: Direction
    active: bool
    backend_servers: list[str]
    quarantine_threshold: float
    reject_threshold: float
    dkim_active: bool
    dmarc_reporting: bool
    tenant_id: int | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, found: Domain) -> "DomainView":
        limits = found.policy.thresholds
        same = ("name", "active", "dkim_active", "dmarc_reporting")
        return cls.model_validate(
            {
                **{name: getattr(found, name) for name in same},
                "id": found.number,
                "direction": found.direction,
                "backend_servers": [each.address for each in found.downstreams],
                "quarantine_threshold": limits.quarantine,
                "reject_threshold": limits.reject,
                "tenant_id": found.tenant_number,
                "created_at": iso_seconds(found.created_ms),
                "updated_at": iso_seconds(found.updated_ms),
            }
        )


_UNSAID = {"direction": "inbound", "active": True, "dkim_active": False, "dmarc_reporting": False}
"""What null means for a member: as of a domain of which nothing is said."""


async def listing(call: Call[ListQuery, None]) -> Reply:
    """The newest first."""
    core, by = asked(call)
    place = service.Place(limit=call.query.limit, offset=call.query.offset)
    async with core.database.read() as tx:
        found = await service.every(core, tx, by, service.Filter(), place)
    return Reply(data=[DomainView.of(each) for each in found.items])


async def create(call: Call[None, NewDomainBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    wanted = body.change(core.config.hostname, _USUAL)
    made = await service.create(core, by, NewDomain(name=body.name, change=wanted))
    return Reply(data=DomainView.of(made.domain), message="Created")


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=DomainView.of(await _found(core, by, _READ, call.path["id"])))


async def change(call: Call[None, DomainBody]) -> Reply:
    core, by = asked(call)
    body, found = call.body, await _found(core, by, _WRITE, call.path["id"])
    if body.name not in (None, found.name):
        raise ValidationFailed.of(
            "name", f"it stays {found.name}: add the other domain, then remove this one"
        )
    async with core.database.begin() as tx:
        wanted = body.change(core.config.hostname, found.policy.thresholds)
        changed = await service.change(core, tx, by, found.name, wanted)
    return Reply(data=DomainView.of(changed), message="Updated")


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await service.remove(core, by, (await _found(core, by, _WRITE, call.path["id"])).name)
    return Reply(data=None, message="Deleted")


async def _found(core: Core, by: By, scope: str, text: str) -> Domain:
    """Raises `NotFound`, also for what is no number, or of a domain that the caller may not see."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0  # noqa: PLR2004 - longer than any
    async with core.database.read() as tx:
        return await visible.numbered(tx, by, scope, number)


_ALL, _ONE = "/api/v1/domains", "/api/v1/domains/{id}"

ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Domains that are filtered, the newest first",
        query=ListQuery,
        response=list[DomainView],
        scope=_READ,
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
    Route("GET", _ONE, one, summary="One domain", response=DomainView, scope=_READ, errors=(NotFound,)),
    Route(
        "PUT",
        _ONE,
        change,
        summary="Change a domain; a merge-patch is enough",
        body=DomainBody,
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "DELETE",
        _ONE,
        remove,
        summary="Remove a domain for good",
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
)
