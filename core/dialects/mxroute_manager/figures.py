"""Figures of a domain, quotas, and all domains at a glance."""

from typing import Any

from core.api.services import asked
from core.service import fleet, statistics
from core.service.by import By
from core.service.core import Core
from core.service.fleet import Member
from core.service.statistics import READ
from core.upstream.errors import NotThere
from hub.web.errors import NotFound, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


async def stats(call: Call[None, None]) -> Reply:
    """Of a week up to now, and of the mailboxes that its host has now."""
    core, by = asked(call)
    name = call.path["domain"]
    async with core.database.read() as tx:
        counted = await statistics.statistics(core, tx, by, domain=name)
    found = counted.as_dict()
    del found["intervals"]
    return Reply(data={"domain": name, **found, **await _mailboxes(core, by, name)})


async def _mailboxes(core: Core, by: By, domain: str) -> dict[str, Any]:
    """`used_mb` counts what the host counts."""
    try:
        boxes = await core.upstream(by.tenant).mailboxes(domain)
    except NotThere:
        boxes = ()
    used_mb = sum(each.used_mb or 0 for each in boxes)
    quota_mb = sum(each.quota_mb for each in boxes)
    return {"mailboxes": len(boxes), "quota_mb": quota_mb, "used_mb": round(used_mb, 2)}


async def quota(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=(await statistics.quota(tx, by)).as_dict())


async def overview(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=_fleet(await fleet.overview(core, tx, by)))


async def refresh(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=_fleet(await fleet.refresh(core, by)))


def _fleet(members: list[Member]) -> dict[str, Any]:
    """Times in seconds since the epoch, as the manager writes them here."""
    last = max((each.checked_ms for each in members if each.checked_ms is not None), default=None)
    return {
        "last_run_at": None if last is None else last / 1000,
        "domains": {each.domain: _member(each) for each in members},
    }


def _member(found: Member) -> dict[str, Any]:
    checks = {name: {"status": status} for name, status in found.checks.items()}
    return {
        "mail_hosting": found.mail_hosting,
        "mailbox_count": found.mailboxes,
        "dns": None if found.overall is None else {"overall": found.overall, "checks": checks},
        "checked_at": None if found.checked_ms is None else found.checked_ms / 1000,
    }


_FLEET = "/api/fleet/overview"
ROUTES = (
    Route(
        "GET",
        "/api/domains/{domain}/stats",
        stats,
        summary="Figures of a domain in the last week",
        scope=READ,
        errors=(NotFound, UpstreamFailed),
    ),
    Route("GET", "/api/quota", quota, summary="What is used of what may be used", scope=READ),
    Route("GET", _FLEET, overview, summary="All domains at a glance", scope=READ),
    Route("POST", f"{_FLEET}/refresh", refresh, summary="Look at their DNS again", scope=READ),
)
