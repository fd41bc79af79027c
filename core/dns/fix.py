"""Writing the records that are missing or wrong, for one domain or for many."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.dns.answers import Resolver
from core.dns.discover import discover
from core.dns.expected import Expected
from core.dns.health import Health, setup_health
from core.dns.names import BadName, domain_name
from core.dns.plan import PLANNERS, Plan, Wish
from core.dns.provider import DnsProvider, Zone
from core.dns.resolver import Lookups
from core.upstream.errors import Conflict, NotThere, ProviderError, Refused

__all__ = ["RECORDS", "BulkFixed", "Fixed", "UnknownRecord", "fix", "fix_bulk"]

RECORDS: Final = tuple(PLANNERS)
"""What can be named."""
_OWN_TO_ONE: Final = (Conflict, NotThere, Refused)
"""Errors that say nothing about the next record."""
_AT_ONCE: Final = 3
_ON_REQUEST: Final = "webmail"
_NEEDS_REGISTRATION: Final = ("mx", "spf", "dkim", "dmarc", "mail")


class UnknownRecord(ValueError):
    """A record was named that does not exist. `str()` lists those that do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What was done. `failed` were tried, or not reached, because the provider refused (`steps` say why)."""

    domain: str
    fixed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON: `{"fixed", "skipped", "failed", "steps"}`."""
        return {
            "fixed": list(self.fixed),
            "skipped": list(self.skipped),
            "failed": list(self.failed),
            "steps": list(self.steps),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFixed:
    """Per domain what was done, or why nothing could be. `healthy` were left alone."""

    results: Mapping[str, Fixed] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    healthy: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON: `{"domains", "results": {domain: {"success", ...}}, "healthy"}`."""
        good = {name: {"success": not each.failed, **each.as_dict()} for name, each in self.results.items()}
        bad = {name: {"success": False, "error": text} for name, text in self.errors.items()}
        return {
            "domains": [*self.results, *self.errors],
            "results": good | bad,
            "healthy": list(self.healthy),
        }


@dataclass(slots=True)
class _Tally:
    fixed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def skip(self, name: str, step: str) -> None:
        self.skipped.append(name)
        self.steps.append(step)

    def done(self, domain: str) -> Fixed:
        return Fixed(
            domain=domain,
            fixed=tuple(self.fixed),
            skipped=tuple(self.skipped),
            failed=tuple(self.failed),
            steps=tuple(self.steps),
        )


async def fix(
    domain: str,
    records: Sequence[str] | None,
    provider: DnsProvider,
    *,
    expected: Expected,
    resolver: Resolver,
) -> Fixed:
    """Write what is missing or wrong: the named records, or without names all but webmail, which is never
    implicit. What passes, and what the DNS cannot tell now, stays as it is; so does a DMARC record that the
    default would weaken. A second call finds nothing to do.

    Raises `BadName`, `UnknownRecord`, and `ProviderError` when the zone cannot be read.
    """
    name, named = domain_name(domain), _named(records)
    report = await setup_health(name, expected, resolver, provider)
    return await _fix(report, named, provider, expected, resolver)


async def fix_bulk(
    targets: Mapping[str, Expected],
    provider: DnsProvider,
    resolver: Resolver,
    *,
    only_unhealthy: bool = False,
    records: Sequence[str] | None = None,
    tell: Callable[[Fixed], Awaitable[None]] | None = None,
) -> BulkFixed:
    """`fix` for many domains, three at a time; the trouble of one does not touch the others.

    `only_unhealthy`: those whose report says `healthy`, or `unknown`, are left alone. `tell` gets each
    result as soon as it is there.
    Raises `UnknownRecord` before anything is done.
    """
    named = _named(records)
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def one(domain: str, expected: Expected) -> Fixed | str | None:
        async with at_once:
            try:
                report = await setup_health(domain, expected, resolver, provider)
                if only_unhealthy and report.overall in ("healthy", "unknown"):
                    return None
                done = await _fix(report, named, provider, expected, resolver)
            except (BadName, ProviderError) as error:
                return str(error)
            if tell is not None:
                await tell(done)
            return done

    found = await asyncio.gather(*(one(domain, expected) for domain, expected in targets.items()))
    done = dict(zip(targets, found, strict=True))
    return BulkFixed(
        results={name: each for name, each in done.items() if isinstance(each, Fixed)},
        errors={name: each for name, each in done.items() if isinstance(each, str)},
        healthy=tuple(name for name, each in done.items() if each is None),
    )


def _named(records: Sequence[str] | None) -> tuple[str, ...] | None:
    if records is None:
        return None
    names = tuple(dict.fromkeys(each.strip().lower() for each in records))
    unknown = [each[:40] for each in names if each not in PLANNERS]
    if unknown:
        raise UnknownRecord(f"records: {', '.join(unknown)} is not known; write some of {', '.join(RECORDS)}")
    return names


async def _fix(
    report: Health,
    named: tuple[str, ...] | None,
    provider: DnsProvider,
    expected: Expected,
    resolver: Resolver,
) -> Fixed:
    tally = _Tally()
    todo = _todo(report, named, tally)
    if not todo:
        tally.steps.append("There is nothing to write")
        return tally.done(report.domain)
    zone = await provider.zone(report.domain)
    held = await provider.records(zone)
    live = await discover(report.domain, Lookups(resolver))
    for position, name in enumerate(todo):
        wish = Wish(domain=report.domain, expected=expected, held=held, live=live, is_named=named is not None)
        try:
            await _carry_out(name, PLANNERS[name](wish), provider, zone, tally)
        except _OWN_TO_ONE as error:
            tally.failed.append(name)
            tally.steps.append(f"{name}: {error}")
        except ProviderError as error:
            tally.failed += todo[position:]
            tally.steps.append(f"{name}: {error}; the rest was not tried")
            break
    return tally.done(report.domain)


def _todo(report: Health, named: tuple[str, ...] | None, tally: _Tally) -> list[str]:
    """The records to look at, in the order of writing; the others are skipped with their reason."""
    todo = []
    for name in PLANNERS:
        check = report.checks.get(name)
        if named is not None and name not in named:
            continue
        if named is None and name == _ON_REQUEST:
            continue
        if not report.is_registered and name in _NEEDS_REGISTRATION:
            tally.skip(name, f"{name}: register the domain with the mail host first")
        elif check is None:
            tally.skip(name, f"{name}: nothing is expected")
        elif check.status in ("pass", "pending") or (check.status == "skipped" and name != _ON_REQUEST):
            tally.skip(name, f"{name}: {check.message}")
        else:
            todo.append(name)
    return todo


async def _carry_out(name: str, plan: Plan, provider: DnsProvider, zone: Zone, tally: _Tally) -> None:
    for write in plan.writes:
        await provider.upsert(zone, write.record, over=write.over)
    for removal in plan.removals:
        await provider.delete(zone, removal.id)
    (tally.skipped if plan.is_empty else tally.fixed).append(name)
    tally.steps.append(plan.step)
