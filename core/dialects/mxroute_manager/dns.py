"""DNS health, repair and DMARC policies.

The manager's health has three words. Where the DNS does not tell, this one says `unknown` rather than one
of the two that raise alarms.
"""

from pydantic import BaseModel, Field

from core.api import dns as own
from core.api.services import asked
from core.dialects.mxroute_manager.form import Beside
from core.dns.fix import RECORDS
from core.service import dmarc_policy, dns, dns_bulk
from core.service.dns import READ, WRITE
from core.service.dns_bulk import MAX_DOMAINS
from hub.access.scopes import ADMIN
from hub.web.errors import Conflict, NotFound, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_TROUBLE = (NotFound, UpstreamFailed)
_MOST_RECORD = 4_096


class FixBody(BaseModel):
    records: list[str] | None = Field(None, max_length=len(RECORDS))


class BulkBody(FixBody):
    only_unhealthy: bool = False
    domains: list[str] | None = Field(None, max_length=MAX_DOMAINS)


class PolicyBody(BaseModel):
    dmarc_record: str | None = Field(max_length=_MOST_RECORD)


async def fix(call: Call[None, FixBody]) -> Reply:
    core, by = asked(call)
    done = await dns.fix(core, by, call.path["domain"], call.body.records)
    return Reply(data=done.as_dict())


async def fix_bulk(call: Call[None, BulkBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    done = await dns_bulk.fix_bulk(
        core, by, only_unhealthy=body.only_unhealthy, names=body.domains, records=body.records
    )
    return Reply(data=done.as_dict())


async def status(call: Call[None, None]) -> Reply:
    core, _ = asked(call)
    found = await dns.provider_status(core)
    about = {"provider": found.provider, "working": found.is_working, "message": found.message}
    return Reply(data=Beside(about, {"configured": found.is_configured}))


async def set_policy(call: Call[None, PolicyBody]) -> Reply:
    core, by = asked(call)
    wanted = call.body.dmarc_record or None
    return Reply(data=(await dmarc_policy.set_policy(core, by, call.path["domain"], wanted)).as_dict())


_DOMAIN = "/api/domains/{domain}"
ROUTES = (
    Route(
        "GET",
        f"{_DOMAIN}/dns/setup-health",
        own.setup_health,
        summary="How far the set-up has come",
        scope=READ,
        errors=_TROUBLE,
    ),
    Route("GET", f"{_DOMAIN}/dns/health", own.health, summary="DNS health", scope=READ, errors=_TROUBLE),
    Route(
        "POST",
        f"{_DOMAIN}/dns/fix",
        fix,
        summary="Write missing records",
        body=FixBody,
        scope=WRITE,
        errors=(*_TROUBLE, Conflict),
    ),
    Route(
        "POST",
        "/api/cloudflare/dns/fix-bulk",
        fix_bulk,
        summary="Write missing records of many domains",
        body=BulkBody,
        scope=ADMIN,
        errors=(Conflict,),
    ),
    Route("GET", "/api/cloudflare/status", status, summary="Whether Cloudflare is configured", scope=ADMIN),
    Route(
        "GET", f"{_DOMAIN}/dmarc-policy", own.policy, summary="DMARC policy", scope=READ, errors=(NotFound,)
    ),
    Route(
        "PATCH",
        f"{_DOMAIN}/dmarc-policy",
        set_policy,
        summary="Set or clear the DMARC policy",
        body=PolicyBody,
        scope=WRITE,
        errors=(NotFound,),
    ),
)
