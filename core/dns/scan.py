"""What a domain publishes about mail authentication, whoever hosts it."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.dns.answers import Resolver
from core.dns.discover import Discovery, discover
from core.dns.dkim import parse_dkim
from core.dns.dmarc import Policy
from core.dns.names import domain_name
from core.dns.resolver import Lookups
from core.dns.spf import Spf, inspect_spf

__all__ = ["SELECTORS", "DkimScan", "DmarcScan", "ScanResult", "scan"]

SELECTORS = ("x", "default", "dkim", "mail", "google", "selector1", "selector2", "k1", "s1", "s2")
"""Selectors that are tried when none are known: DKIM has no way to list them."""
_MOST_SELECTORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcScan:
    """`found` is `None`, and `trouble` says why, when the DNS could not be asked."""

    found: bool | None
    record: str | None = None
    policy: Policy | None = None
    valid: bool | None = None
    inherited_from: str | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimScan:
    """One selector. `key` is `rsa` or `ed25519`."""

    selector: str
    found: bool | None
    record: str | None = None
    valid: bool | None = None
    key: str | None = None
    bits: int | None = None
    revoked: bool = False
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """`dkim` holds the selectors that were asked for, or of the usual ones those that are there."""

    domain: str
    dmarc: DmarcScan
    spf: Spf
    dkim: tuple[DkimScan, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every question was answered."""
        return not (self.dmarc.trouble or self.spf.trouble or any(each.trouble for each in self.dkim))

    def as_dict(self) -> dict[str, Any]:
        """JSON: `{"domain", "dmarc": {"found", "record", "policy", ...}, "spf": {"found", "record", "valid",
        "dnsLookups", "voidLookups", ...}, "dkim": [...], "complete"}`.
        """
        spf = {
            "found": self.spf.found,
            "record": self.spf.record,
            "valid": self.spf.is_valid,
            "dnsLookups": self.spf.lookups,
            "voidLookups": self.spf.void_lookups,
            "problems": list(self.spf.problems),
            "warnings": list(self.spf.warnings),
            "trouble": self.spf.trouble,
        }
        dkim = [asdict(each) for each in self.dkim]
        return {
            "domain": self.domain,
            "dmarc": asdict(self.dmarc),
            "spf": spf,
            "dkim": dkim,
            "complete": self.is_complete,
        }


async def scan(
    domain: str, resolver: Resolver, *, selectors: Sequence[str] = (), deadline_s: float = 20.0
) -> ScanResult:
    """Look at DMARC, SPF and DKIM of a domain, within `deadline_s`.

    Raises `BadName`, and nothing for what the DNS does.
    """
    name = domain_name(domain)
    dns = Lookups(resolver, deadline_s=deadline_s)
    asked = tuple(dict.fromkeys(selectors))[:_MOST_SELECTORS] or SELECTORS
    keys = asyncio.gather(*(_selector(name, each, dns) for each in asked))
    dmarc, spf, dkim = await asyncio.gather(discover(name, dns), inspect_spf(name, dns), keys)
    shown = tuple(each for each in dkim if selectors or each.found)
    return ScanResult(domain=name, dmarc=_dmarc(dmarc), spf=spf, dkim=shown or _untold(dkim))


def _untold(dkim: Sequence[DkimScan]) -> tuple[DkimScan, ...]:
    """None of the usual selectors is there: if that is for trouble, say so once."""
    return tuple(each for each in dkim if each.trouble)[:1]


def _dmarc(found: Discovery) -> DmarcScan:
    if found.trouble:
        return DmarcScan(found=None, trouble=found.trouble)
    if len(found.own) > 1:
        problem = f"{len(found.own)} DMARC records: with several none counts"
        return DmarcScan(found=True, record=found.own[0], valid=False, problems=(problem,))
    record = found.record
    if record is None:
        return DmarcScan(found=False)
    return DmarcScan(
        found=True,
        record=record.text,
        policy=record.sp if found.is_inherited else record.p,
        valid=record.is_valid,
        inherited_from=found.at if found.is_inherited else None,
        problems=record.problems,
        warnings=record.warnings,
    )


async def _selector(domain: str, selector: str, dns: Resolver) -> DkimScan:
    answer = await dns.lookup(f"{selector}._domainkey.{domain}", "TXT")
    if answer.is_failed:
        return DkimScan(selector=selector, found=None, trouble=answer.reason)
    if not answer.values:
        return DkimScan(selector=selector, found=False)
    if len(answer.values) > 1:
        problem = f"{len(answer.values)} records: a selector has one"
        record = answer.values[0]
        return DkimScan(selector=selector, found=True, record=record, valid=False, problems=(problem,))
    key = parse_dkim(answer.values[0])
    return DkimScan(
        selector=selector,
        found=True,
        record=key.text,
        valid=key.is_valid,
        key=key.kind,
        bits=key.bits,
        revoked=key.is_revoked,
        problems=key.problems,
        warnings=key.warnings,
    )
