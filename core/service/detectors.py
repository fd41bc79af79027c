"""The detectors that a sandbox needs, all in one transaction, on its own pace and with a licence server.

The service itself runs them by `core.detectors.scheduler`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import certificates, dkim_keys, nodes
from core.detectors.event import Event, tell
from core.store import estate
from core.store.clock import DAY_MS, iso_seconds

__all__ = ["Limits", "Watch", "detect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When something is due. A DKIM key is announced 30 days ahead (MailGuard's REST API page)."""

    heartbeat_timeout_ms: int = nodes.TIMEOUT_MS
    dkim_lifetime_ms: int = dkim_keys.LIFETIME_MS
    dkim_warning_ms: int = dkim_keys.WARNING_MS
    certificate_warning_ms: int = 14 * DAY_MS
    licence_interval_ms: int = DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """`licence_server` answers a refresh: the licence now -> the licence from now on."""

    limits: Limits
    licence_server: Callable[[estate.Licence], estate.Licence]


async def detect(tx: AsyncConnection, chain: Chain, watch: Watch, now_ms: int) -> None:
    """Run every detector once. What was told is not told again."""
    limits = watch.limits
    timeout_ms = limits.heartbeat_timeout_ms
    await nodes.detect(tx, now_ms, chain=chain, timeout_ms=timeout_ms, longest_step_ms=timeout_ms)
    await _licence(tx, watch, chain, now_ms)
    lifetime_ms, warning_ms = limits.dkim_lifetime_ms, limits.dkim_warning_ms
    await dkim_keys.detect(tx, now_ms, chain=chain, lifetime_ms=lifetime_ms, warning_ms=warning_ms)
    await certificates.detect(tx, now_ms, chain=chain, warn_ms=(limits.certificate_warning_ms,))


async def _licence(tx: AsyncConnection, watch: Watch, chain: Chain, now_ms: int) -> None:
    old = await estate.licence(tx)
    if old is None or now_ms < old.refresh_due_ms:
        return
    granted = watch.licence_server(old)
    new = replace(granted, refreshed_ms=now_ms, refresh_due_ms=now_ms + watch.limits.licence_interval_ms)
    await estate.put_licence(tx, new)
    details = {
        "change": "refresh" if new.tier == old.tier else "tier",
        "tier": new.tier,
        "previous_tier": old.tier,
        "max_domains": new.max_domains,
        "valid_until": iso_seconds(new.valid_until_ms),
    }
    event = Event(name="license.changed", resource="license", data=details, action="license.refresh")
    await tell(tx, chain, now_ms, [event])
