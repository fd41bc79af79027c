"""`/api/domains`: which there are, and for administrators their making, removal and mail hosting."""

from typing import Any

from pydantic import BaseModel, Field

from core.api.services import asked
from core.dialects.mxroute_manager.access import domain_seen, domains_seen
from core.service import domain_parts, domains
from core.service.provisioning import NewDomain
from core.upstream.errors import NotThere
from core.upstream.provider import HostedDomain
from hub.access.scopes import ADMIN
from hub.web.errors import Conflict, NotFound, UpstreamFailed
from hub.web.route import ANY_CALLER, Call, Reply, Route

__all__ = ["ROUTES"]


class NewDomainBody(BaseModel):
    domain: str = Field(max_length=300)


class MailStatusBody(BaseModel):
    enabled: bool


async def listing(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=await domains_seen(core, by))


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    name = await domain_seen(core, by, call.path["domain"])
    try:
        found = await core.upstream(by.tenant).domain(name)
    except NotThere:
        return Reply(data={"domain": name, "registered": False, "mail_hosting": False, "pointers": []})
    return Reply(data=_shown(found))


def _shown(found: HostedDomain) -> dict[str, Any]:
    return {
        "domain": found.name,
        "registered": True,
        "mail_hosting": found.is_hosting,
        "pointers": list(found.pointers),
    }


async def create(call: Call[None, NewDomainBody]) -> Reply:
    core, by = asked(call)
    made = await domains.create(core, by, NewDomain(name=call.body.domain))
    return Reply(data={"domain": made.domain.name}, message=made.host_says)


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    gone = await domains.remove(core, by, call.path["domain"])
    return Reply(data={"domain": gone.name})


async def mail_status(call: Call[None, MailStatusBody]) -> Reply:
    core, by = asked(call)
    changed = await domain_parts.set_hosting(core, by, call.path["domain"], on=call.body.enabled)
    return Reply(data={"domain": changed.name, "mail_hosting": changed.mail_hosting})


_ONE = "/api/domains/{domain}"
ROUTES = (
    Route("GET", "/api/domains", listing, summary="Names of the domains", scope=ANY_CALLER),
    Route(
        "POST",
        "/api/domains",
        create,
        summary="Register a domain",
        body=NewDomainBody,
        status=201,
        scope=ADMIN,
        errors=(Conflict, UpstreamFailed),
    ),
    Route("GET", _ONE, one, summary="One domain", scope=ANY_CALLER, errors=(NotFound, UpstreamFailed)),
    Route("DELETE", _ONE, remove, summary="Delete a domain", scope=ADMIN, errors=(NotFound, UpstreamFailed)),
    Route(
        "PATCH",
        f"{_ONE}/mail-status",
        mail_status,
        summary="Turn mail hosting on or off",
        body=MailStatusBody,
        scope=ADMIN,
        errors=(NotFound, UpstreamFailed),
    ),
)
