"""`/domains/{domain}/dns`, `/scan`, `/dmarc-policy`: what domains say in the DNS, and its repair."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Word
from core.api.services import asked
from core.dns.fix import RECORDS
from core.service import dmarc_policy, dns, dns_bulk
from core.service.dns import READ, WRITE
from core.service.dns_bulk import MAX_DOMAINS
from core.store.clock import iso_millis
from hub.web.errors import Conflict, NotFound, RateLimited, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_TROUBLE = (NotFound, RateLimited, UpstreamFailed)
_MOST_SELECTORS = 20
_MOST_RECORD = 4_096
_Records = list[Word] | None
_NAMES = ", ".join(RECORDS)


class ScanBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    selectors: list[Word] = Field(
        default_factory=list,
        max_length=_MOST_SELECTORS,
        description="DKIM selectors to look at; without them the usual ones.",
    )


class ScanView(BaseModel):
    """What the domain publishes; `found` and `valid` are null while the DNS does not tell."""

    id: str
    domain: str
    timestamp: str
    overall: str = Field(description="healthy, degraded, unknown (the DNS does not tell now).")
    complete: bool = Field(description="Whether every question was answered.")
    dmarc: dict[str, Any]
    spf: dict[str, Any]
    dkim: list[dict[str, Any]]


class CheckView(BaseModel):
    status: str = Field(description="pass, warn, fail, pending, skipped.")
    label: str
    expected_host: str
    expected: Any
    found: list[Any]
    message: str
    temporary: bool = Field(description="The DNS does not tell now: nothing is known to be wrong.")


class PolicyView(BaseModel):
    custom: bool
    default: str
    effective: str
    custom_value: str | None


class HealthView(BaseModel):
    """What the DNS shows against what is expected."""

    domain: str
    overall: str = Field(description="healthy, degraded, unhealthy, unknown.")
    checks: dict[str, CheckView]
    dmarc_policy: PolicyView
    mail_hosting_enabled: bool
    registered: bool = Field(description="Whether the mail host knows the domain.")
    provider: str = Field(description="Who writes its records; empty for nobody.")
    provider_problem: str


class FixBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    records: _Records = Field(
        None, max_length=len(RECORDS), description=f"Some of {_NAMES}; without them all but webmail."
    )


class FixView(BaseModel):
    fixed: list[str]
    skipped: list[str]
    failed: list[str]
    steps: list[str] = Field(description="What was done, or why nothing was, in words.")


class BulkBody(FixBody):
    only_unhealthy: bool = Field(default=False, description="Leave alone what is healthy or cannot be told.")
    domains: list[Word] | None = Field(
        None, max_length=MAX_DOMAINS, description="Without them all active domains of the caller's reach."
    )


class BulkView(BaseModel):
    domains: list[str]
    results: dict[str, Any] = Field(description="By domain: success, and a repair's answer or the error.")
    healthy: list[str] = Field(description="Left alone.")


class PolicyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dmarc_record: str | None = Field(
        max_length=_MOST_RECORD, description="The domain's own DMARC record; null goes back to the default."
    )


class ProviderView(BaseModel):
    configured: bool
    provider: str
    working: bool | None
    message: str


async def scan(call: Call[None, ScanBody]) -> Reply:
    core, by = asked(call)
    done = await dns.scan(core, by, call.path["domain"], call.body.selectors)
    view = {**done.found, "id": done.id, "overall": done.overall, "timestamp": iso_millis(done.at_ms)}
    return Reply(data=ScanView.model_validate(view))


async def health(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=(await dns.health(core, by, call.path["domain"])).as_dict())


async def setup_health(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=(await dns.setup_health(core, by, call.path["domain"])).as_dict())


async def fix(call: Call[None, FixBody]) -> Reply:
    core, by = asked(call)
    done = await dns.fix(core, by, call.path["domain"], call.body.records)
    return Reply(data=done.as_dict(), message="; ".join(done.steps)[:500])


async def fix_bulk(call: Call[None, BulkBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    done = await dns_bulk.fix_bulk(
        core, by, only_unhealthy=body.only_unhealthy, names=body.domains, records=body.records
    )
    return Reply(data=done.as_dict())


async def provider_status(call: Call[None, None]) -> Reply:
    core, _ = asked(call)
    found = await dns.provider_status(core)
    view = ProviderView(
        configured=found.is_configured,
        provider=found.provider,
        working=found.is_working,
        message=found.message,
    )
    return Reply(data=view)


async def policy(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=(await dmarc_policy.policy(core, by, call.path["domain"])).as_dict())


async def set_policy(call: Call[None, PolicyBody]) -> Reply:
    core, by = asked(call)
    changed = await dmarc_policy.set_policy(core, by, call.path["domain"], call.body.dmarc_record)
    return Reply(data=changed.as_dict(), message="changed")


_DOMAIN = "/api/v1/domains/{domain}"
ROUTES = (
    Route(
        "POST",
        f"{_DOMAIN}/scan",
        scan,
        summary="Look at a domain's DMARC, SPF and DKIM records",
        body=ScanBody,
        response=ScanView,
        scope=WRITE,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        f"{_DOMAIN}/dns/health",
        health,
        summary="What the DNS shows against what is expected",
        response=HealthView,
        scope=READ,
        errors=_TROUBLE,
    ),
    Route(
        "GET",
        f"{_DOMAIN}/dns/setup-health",
        setup_health,
        summary="How far the set-up of a domain has come",
        response=HealthView,
        scope=READ,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        f"{_DOMAIN}/dns/fix",
        fix,
        summary="Write the records that are missing or wrong",
        body=FixBody,
        response=FixView,
        scope=WRITE,
        errors=(*_TROUBLE, Conflict),
    ),
    Route(
        "POST",
        "/api/v1/dns/fix-bulk",
        fix_bulk,
        summary="Write missing or wrong records of many domains",
        body=BulkBody,
        response=BulkView,
        scope=WRITE,
        errors=(Conflict,),
    ),
    Route(
        "GET",
        "/api/v1/cloudflare/status",
        provider_status,
        summary="Whether DNS records can be written",
        response=ProviderView,
        scope=READ,
    ),
    Route(
        "GET",
        f"{_DOMAIN}/dmarc-policy",
        policy,
        summary="The DMARC policy that a domain is to publish",
        response=PolicyView,
        scope=READ,
        errors=(NotFound,),
    ),
    Route(
        "PATCH",
        f"{_DOMAIN}/dmarc-policy",
        set_policy,
        summary="Set a domain's own DMARC policy, or clear it with null",
        body=PolicyBody,
        response=PolicyView,
        scope=WRITE,
        errors=(NotFound,),
    ),
)
