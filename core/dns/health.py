"""A domain's health: what the DNS shows against what is expected, and for the set-up what is on its way."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.dns import checks, side_checks
from core.dns.answers import Resolver
from core.dns.check import Check, Overall, overall
from core.dns.expected import DmarcPolicy, Expected
from core.dns.names import domain_name
from core.dns.provider import DnsProvider, ZoneRecord
from core.dns.resolver import Lookups
from core.upstream.errors import ProviderError

__all__ = ["CHECKS", "MAIL_CHECKS", "Health", "health", "setup_health"]

CHECKS = ("mx", "spf", "dkim", "dmarc", "verification", "mail", "webmail", "mta_sts", "tls_rpt")
"""All checks, in the order of a report."""
MAIL_CHECKS = ("mx", "spf", "dkim", "dmarc", "mail")
"""Those that only make sense where mail is hosted."""
_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`provider` is who can write the records, if anybody; `provider_problem` why it cannot be asked."""

    domain: str
    overall: Overall
    checks: Mapping[str, Check]
    dmarc: DmarcPolicy
    is_hosting: bool = True
    is_registered: bool = True
    provider: str = ""
    provider_problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON: `{"domain", "overall", "checks": {name: check}, "dmarc_policy", "mail_hosting_enabled",
        "registered", "provider", "provider_problem"}`.
        """
        return {
            "domain": self.domain,
            "overall": self.overall,
            "checks": {name: check.as_dict() for name, check in self.checks.items()},
            "dmarc_policy": self.dmarc.as_dict(),
            "mail_hosting_enabled": self.is_hosting,
            "registered": self.is_registered,
            "provider": self.provider,
            "provider_problem": self.provider_problem,
        }


async def health(
    domain: str, expected: Expected, resolver: Resolver, *, deadline_s: float = _DEADLINE_S
) -> Health:
    """Check what the public DNS shows, within `deadline_s`. Raises `BadName`."""
    return await _report(domain_name(domain), expected, Lookups(resolver, deadline_s=deadline_s), None)


async def setup_health(
    domain: str,
    expected: Expected,
    resolver: Resolver,
    provider: DnsProvider | None = None,
    *,
    deadline_s: float = _DEADLINE_S,
) -> Health:
    """The same with what the provider holds, so that a record on its way is `pending`; and for a domain that
    is not registered yet, whose mail records are not known. Raises `BadName`; the provider's trouble is told.
    """
    name = domain_name(domain)
    deployed, problem = await _deployed(name, provider)
    found = await _report(name, expected, Lookups(resolver, deadline_s=deadline_s), deployed)
    return replace(found, provider=provider.name if provider else "", provider_problem=problem)


async def _deployed(domain: str, provider: DnsProvider | None) -> tuple[tuple[ZoneRecord, ...] | None, str]:
    if provider is None:
        return None, ""
    try:
        return await provider.records(await provider.zone(domain), type="CNAME"), ""
    except ProviderError as error:
        return None, str(error)


async def _report(
    domain: str, expected: Expected, dns: Resolver, deployed: Sequence[ZoneRecord] | None
) -> Health:
    work = _work(domain, expected, dns, deployed)
    done = dict(zip(work, await asyncio.gather(*work.values()), strict=True))
    if not expected.is_registered:
        done |= _before_registration()
    if not expected.is_hosting:
        done |= {name: _unneeded(done[name]) for name in MAIL_CHECKS if name in done}
    ordered = {name: done[name] for name in CHECKS if name in done}
    status = overall(ordered)
    waits = not expected.is_registered and status in ("healthy", "unknown")
    return Health(
        domain=domain,
        overall="degraded" if waits else status,
        checks=ordered,
        dmarc=expected.dmarc,
        is_hosting=expected.is_hosting,
        is_registered=expected.is_registered,
    )


def _work(
    domain: str, expected: Expected, dns: Resolver, deployed: Sequence[ZoneRecord] | None
) -> dict[str, Awaitable[Check]]:
    work: dict[str, Awaitable[Check]] = {}
    if expected.verification is not None:
        work["verification"] = side_checks.check_verification(domain, expected.verification, dns)
    if not expected.is_registered:
        return work
    work["mx"] = checks.check_mx(domain, expected, dns)
    work["spf"] = checks.check_spf(domain, expected, dns)
    work["dkim"] = checks.check_dkim(domain, expected, dns)
    work["dmarc"] = checks.check_dmarc(domain, expected, dns)
    if expected.mail_target:
        work["mail"] = side_checks.check_mail(domain, expected, dns, deployed)
    if expected.webmail_target:
        work["webmail"] = side_checks.check_webmail(domain, expected, dns, deployed)
    work["mta_sts"] = side_checks.check_mta_sts(domain, dns)
    work["tls_rpt"] = side_checks.check_tls_rpt(domain, dns)
    return work


def _before_registration() -> dict[str, Check]:
    labels = {
        "mx": checks.MX,
        "spf": checks.SPF,
        "dkim": checks.DKIM,
        "dmarc": checks.DMARC,
        "mail": side_checks.MAIL,
    }
    message = "Known once the domain is registered with the mail host"
    return {name: Check(status="pending", label=label, message=message) for name, label in labels.items()}


def _unneeded(check: Check) -> Check:
    message = "Mail hosting is off: this record is not needed"
    return replace(check, status="skipped", message=message, is_temporary=False)
