"""All detectors as jobs of the scheduler, from what a deployment has set."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit import retention
from core.audit.chain import Chain
from core.detectors import (
    alerting,
    certificate_files,
    certificates,
    dkim_keys,
    dmarc_policy,
    dns_health,
    licence,
    licence_file,
    mailbox_usage,
    nodes,
    reputation,
)
from core.detectors.catalogue import period_ms
from core.detectors.certificate_endpoints import Endpoint, Endpoints
from core.detectors.certificates import Look
from core.detectors.event import Event
from core.detectors.licence_file import BadLicence, LicenceFile
from core.detectors.scheduler import Job
from core.dns.answers import Resolver
from core.dns.expected import Expected
from core.dns.health import Health, health
from core.dns.names import BadName
from core.reports import dmarc_store, stats
from core.store.clock import DAY_MS
from core.store.database import Database
from core.upstream.errors import ProviderError
from hub.sdk.http.guard import Guard
from hub.sdk.offload import Offload
from hub.web.errors import NotFound

__all__ = ["Expect", "Settings", "Usage", "jobs"]

_AT_ONCE: Final = 20
_LONG_LEASE_MS: Final = 15 * 60_000

Expect = Callable[[str, str], Awaitable[Expected]]
"""`(tenant, domain)` -> what its records should be."""
Usage = Callable[[], Awaitable[Sequence[mailbox_usage.Seen]]]
"""What the mailboxes of all domains use, as far as their hosts tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`licence_keys` are public keys (`whpk_...`); without a path there is no licence to watch.

    `audit_kept_ms` None: the audit log is kept for ever.
    """

    chain: Chain
    certificate_paths: tuple[Path, ...] = ()
    certificate_endpoints: tuple[Endpoint, ...] = ()
    allow_networks: tuple[str, ...] = ()
    licence_path: Path | None = None
    licence_keys: tuple[str, ...] = ()
    reports_kept_ms: int = 400 * DAY_MS
    audit_kept_ms: int | None = None


def jobs(
    database: Database, settings: Settings, resolver: Resolver, expect: Expect, usage: Usage
) -> tuple[Job, ...]:
    """Ready for `Scheduler`."""
    chain = settings.chain
    threads = Offload("detectors", 1)
    simple = {
        "nodes": nodes.detect,
        "dkim_keys": dkim_keys.detect,
        "reputation": reputation.detect,
        "alerting": alerting.detect,
    }
    found = [_simple(name, detect, chain) for name, detect in simple.items()]
    found += [_certificates(settings, threads), _dns_health(database, chain, resolver, expect)]
    found += [_dmarc_policy(database, chain, resolver), _mailbox_usage(chain, usage), _upkeep(settings)]
    if settings.licence_path is not None:
        found.append(_licence(settings, settings.licence_path, threads))
    return tuple(found)


def _simple(name: str, detect: Callable[..., Awaitable[list[Event]]], chain: Chain) -> Job:
    async def run(tx: AsyncConnection, now_ms: int, _: Any) -> list[Event]:
        return await detect(tx, now_ms, chain=chain)

    return Job(name=name, period_ms=period_ms(name), detect=run)


def _certificates(settings: Settings, threads: Offload) -> Job:
    async def observe() -> Look:
        files = await threads.run(certificate_files.look_at, settings.certificate_paths)
        endpoints = Endpoints(Guard(settings.allow_networks))
        try:
            shown = await endpoints.look_at(settings.certificate_endpoints)
        finally:
            await endpoints.close()
        return Look(seen=files.seen + shown.seen, failed={**files.failed, **shown.failed})

    async def judge(tx: AsyncConnection, now_ms: int, look: Look) -> list[Event]:
        return await certificates.detect(tx, now_ms, chain=settings.chain, look=look)

    name = "certificates"
    return Job(name=name, period_ms=period_ms(name), observe=observe, detect=judge, lease_ms=_LONG_LEASE_MS)


def _licence(settings: Settings, path: Path, threads: Offload) -> Job:
    async def observe() -> LicenceFile | BadLicence | None:
        try:
            return await threads.run(licence_file.load, path, settings.licence_keys)
        except BadLicence as error:
            return error

    async def judge(tx: AsyncConnection, now_ms: int, found: LicenceFile | BadLicence | None) -> list[Event]:
        period = period_ms("licence")
        return await licence.detect(tx, now_ms, chain=settings.chain, found=found, period_ms=period)

    return Job(name="licence", period_ms=period_ms("licence"), observe=observe, detect=judge)


def _dns_health(database: Database, chain: Chain, resolver: Resolver, expect: Expect) -> Job:
    async def observe() -> list[Health]:
        async with database.read() as tx:
            watched = await dns_health.watched(tx)
        return await _checked(watched, resolver, expect)

    async def judge(tx: AsyncConnection, now_ms: int, reports: list[Health]) -> list[Event]:
        return await dns_health.detect(tx, now_ms, chain=chain, reports=reports)

    name = "dns_health"
    return Job(
        name=name, period_ms=period_ms(name), observe=observe, detect=judge, lease_ms=4 * _LONG_LEASE_MS
    )


async def _checked(watched: Iterable[tuple[str, str]], resolver: Resolver, expect: Expect) -> list[Health]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(tenant: str, domain: str) -> Health | None:
        async with gate:
            try:
                return await health(domain, await expect(tenant, domain), resolver)
            except (BadName, NotFound, ProviderError):  # costs this domain's report only: no evidence
                return None

    found = await asyncio.gather(*(one(*each) for each in watched))
    return [report for report in found if report is not None]


def _dmarc_policy(database: Database, chain: Chain, resolver: Resolver) -> Job:
    async def observe() -> list[dmarc_policy.Live]:
        async with database.read() as tx:
            wanted = await dmarc_policy.wanted(tx)
        return await dmarc_policy.look_up(resolver, wanted)

    async def judge(tx: AsyncConnection, now_ms: int, live: Sequence[dmarc_policy.Live]) -> list[Event]:
        return await dmarc_policy.detect(tx, now_ms, chain=chain, live=live)

    name = "dmarc_policy"
    return Job(name=name, period_ms=period_ms(name), observe=observe, detect=judge, lease_ms=_LONG_LEASE_MS)


def _mailbox_usage(chain: Chain, usage: Usage) -> Job:
    async def judge(tx: AsyncConnection, now_ms: int, seen: Sequence[mailbox_usage.Seen]) -> list[Event]:
        return await mailbox_usage.detect(tx, now_ms, chain=chain, seen=seen)

    name = "mailbox_usage"
    return Job(
        name=name, period_ms=period_ms(name), observe=usage, detect=judge, lease_ms=12 * _LONG_LEASE_MS
    )


def _upkeep(settings: Settings) -> Job:
    async def judge(tx: AsyncConnection, now_ms: int, _: Any) -> list[Event]:
        await stats.fold(tx, now_ms)
        await dmarc_store.prune(tx, now_ms - settings.reports_kept_ms)
        if settings.audit_kept_ms is not None:
            await retention.prune(tx, settings.chain, _midnight(now_ms - settings.audit_kept_ms))
        return []

    return Job(name="upkeep", period_ms=period_ms("upkeep"), detect=judge)


def _midnight(at_ms: int) -> int:
    """Whole days go, so that the entry that tells of it is written once a day."""
    return at_ms - at_ms % DAY_MS
