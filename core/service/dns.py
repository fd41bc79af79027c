"""What domains say in the DNS: scans, health, and the writing of what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.audit.entry import Resource
from core.dns import fix as repair
from core.dns import health as checked
from core.dns import scan as scanned
from core.dns.check import Overall
from core.dns.fix import Fixed, UnknownRecord
from core.dns.health import Health
from core.dns.provider import DnsProvider
from core.dns.resolver import NameServers
from core.dns.scan import ScanResult
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.expected import expected
from core.service.hosting import own
from core.store import dns as stored
from core.upstream.errors import ProviderError
from hub.web.errors import Conflict, ValidationFailed

__all__ = [
    "READ",
    "WRITE",
    "ProviderStatus",
    "Scan",
    "fix",
    "health",
    "known",
    "last_scan",
    "provider_status",
    "scan",
    "setup_health",
]

READ = "dns:read"
WRITE = "dns:write"
_MOST_SELECTOR: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan as it was kept. `found` is the JSON of `core.dns.scan.ScanResult`."""

    id: str
    domain: str
    overall: Overall
    found: dict[str, Any]
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """Who writes DNS records. `is_working` is None where nobody is configured."""

    provider: str
    is_configured: bool
    is_working: bool | None
    message: str


async def scan(core: Core, by: By, domain: str, selectors: Sequence[str] = ()) -> Scan:
    """Look at DMARC, SPF and DKIM, keep what was found, and tell. Raises `NotFound`, `ValidationFailed`."""
    name = await own(core, by, WRITE, domain)
    for each in selectors:
        if not each or len(each) > _MOST_SELECTOR or not each.replace("-", "").replace("_", "").isalnum():
            raise ValidationFailed.of("selectors", f"{each[:40]!r} is no DKIM selector")
    result = await scanned.scan(name, core.resolver, selectors=selectors)
    found, overall, now_ms = result.as_dict(), _overall(result), core.clock()
    async with core.database.begin() as tx:
        known_as = (await visible.domain(tx, by, WRITE, name)).id
        ident = await stored.keep(tx, by.tenant, name, "scan", overall=overall, found=found, now_ms=now_ms)
        done = Scan(id=ident, domain=name, overall=overall, found=found, at_ms=now_ms)
        deed = Deed(
            action="domain.scan",
            resource=Resource(type="domain", id=name, domain=name),
            details={"scan": ident, "overall": overall},
            event="domain.scan.completed",
            data={"scan_id": ident, "domain_id": known_as, "overall": overall, **found},
        )
        await record(core, tx, by, deed)
    return done


def _overall(result: ScanResult) -> Overall:
    """Trouble of the DNS is no evidence."""
    if not result.is_complete:
        return "unknown"
    good = result.dmarc.valid and result.spf.is_valid and all(each.valid for each in result.dkim)
    return "healthy" if good else "degraded"


async def last_scan(core: Core, by: By, domain: str) -> Scan | None:
    """The newest one that is kept."""
    async with core.database.read() as tx:
        name = (await visible.domain(tx, by, READ, domain)).name
        row = await stored.latest(tx, by.tenant, name, "scan")
    if row is None:
        return None
    return Scan(
        id=row["id"], domain=name, overall=row["overall"], found=dict(row["checks"]), at_ms=row["at_ms"]
    )


async def known(core: Core, by: By, domain: str) -> tuple[int | None, dict[str, Any]]:
    """What the newest scan found, and when; where none is kept what the DNS says now, which is not kept.

    Raises `NotFound`, `Forbidden`.
    """
    last = await last_scan(core, by, domain)
    if last is not None:
        return last.at_ms, last.found
    name = await own(core, by, READ, domain)
    return None, (await scanned.scan(name, core.resolver)).as_dict()


async def health(core: Core, by: By, domain: str) -> Health:
    """What the public DNS shows against what is expected. Raises `NotFound`, `ProviderError`."""
    name = await own(core, by, READ, domain)
    return await checked.health(name, await expected(core, by.tenant, name), core.resolver)


async def setup_health(core: Core, by: By, domain: str) -> Health:
    """The same with what the DNS provider holds and the DNS does not show yet."""
    name = await own(core, by, READ, domain)
    wanted = await expected(core, by.tenant, name)
    return await checked.setup_health(name, wanted, core.resolver, core.dns_provider)


async def fix(core: Core, by: By, domain: str, records: Sequence[str] | None = None) -> Fixed:
    """Write what is missing or wrong; see `core.dns.fix.fix`.

    Raises `NotFound`, `Conflict` where nobody writes records, `ValidationFailed` for a record that is not
    known, `ProviderError`.
    """
    name = await own(core, by, WRITE, domain)
    provider = provider_of(core)
    wanted = await expected(core, by.tenant, name)
    try:
        done = await repair.fix(name, records, provider, expected=wanted, resolver=core.resolver)
    except UnknownRecord as error:
        raise unknown_record(error) from error
    await put_on_record(core, by, done)
    return done


async def put_on_record(core: Core, by: By, done: Fixed) -> None:
    """Audit entry and event of a repair that wrote something, or tried to."""
    if not done.fixed and not done.failed:
        return
    forget(core)
    deed = Deed(
        action="dns.fix",
        resource=Resource(type="dns", id=done.domain, domain=done.domain),
        result="success" if not done.failed else "failure",
        after=done.as_dict(),
        event="dns.fix" if done.fixed else "",
        data=done.as_dict(),
    )
    async with core.database.begin() as tx:
        await record(core, tx, by, deed)


def provider_of(core: Core) -> DnsProvider:
    """Raises `Conflict` where none is configured."""
    if core.dns_provider is None:
        raise Conflict("Nobody writes DNS records here: set `cloudflare` in the configuration of the core.")
    return core.dns_provider


def unknown_record(error: UnknownRecord) -> ValidationFailed:
    return ValidationFailed.of("records", str(error).removeprefix("records: "))


def forget(core: Core) -> None:
    """After a write the next look shows it."""
    if isinstance(core.resolver, NameServers):
        core.resolver.forget()


async def provider_status(core: Core) -> ProviderStatus:
    """Whether the credentials of the DNS provider work."""
    provider = core.dns_provider
    if provider is None:
        return ProviderStatus(
            provider="", is_configured=False, is_working=None, message="No DNS provider is configured"
        )
    try:
        said, is_working = await provider.check(), True
    except ProviderError as error:
        said, is_working = str(error), False
    return ProviderStatus(provider=provider.name, is_configured=True, is_working=is_working, message=said)
