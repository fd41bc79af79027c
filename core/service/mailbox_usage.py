"""What the mailboxes of all domains use, as the mail host counts it: looked at without haste."""

import asyncio
from typing import Final

from core.detectors.dns_health import watched
from core.detectors.mailbox_usage import Seen
from core.service import settings
from core.service.core import Core
from core.service.patience import patiently
from core.service.settings import Settings
from core.upstream.errors import NotThere, ProviderError
from core.upstream.local import LocalProvider

__all__ = ["PAUSE_S", "look"]

PAUSE_S: Final = 1.2
"""After each domain: half of what MXroute allows in a minute is left for people."""
_GIVE_UP: Final = 3
"""Failures in a row, after which the host is left alone until the next look."""


async def look(core: Core, *, pause_s: float = PAUSE_S) -> list[Seen]:
    """One after the other; a domain that its host does not tell of is left out. Outside of any transaction.

    The service's own store counts no usage: it is not asked.
    """
    found: list[Seen] = []
    failed = 0
    for tenant, domain, limits in await _watched(core):
        try:
            found.append(await _seen(core, tenant, domain, limits))
            failed = 0
        except NotThere:
            failed = 0
        except ProviderError:
            failed += 1
        if failed == _GIVE_UP:
            break
        await asyncio.sleep(pause_s)
    return found


async def _watched(core: Core) -> list[tuple[str, str, Settings]]:
    async with core.database.read() as tx:
        asked = [
            (tenant, domain)
            for tenant, domain in await watched(tx)
            if not isinstance(core.upstream(tenant), LocalProvider)
        ]
        limits = {tenant: await settings.of(tx, tenant) for tenant in {tenant for tenant, _ in asked}}
    return [(tenant, domain, limits[tenant]) for tenant, domain in asked]


async def _seen(core: Core, tenant: str, domain: str, limits: Settings) -> Seen:
    host = core.upstream(tenant)
    boxes = await patiently(lambda: host.mailboxes(domain))
    return Seen(
        tenant=tenant,
        domain=domain,
        mailboxes=boxes,
        quota_percent=limits.mailbox_quota_percent,
        send_percent=limits.mailbox_send_percent,
    )
