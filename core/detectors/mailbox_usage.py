"""Mailboxes that come to the end of their storage or of the messages that they may send in a day.

The mail host counts; a figure that it does not give is no evidence. Without a limit nothing can come to its
end. What is kept is one state for each alarm that is up, so that it is told once, whatever restarts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import states
from core.detectors.dns_health import watched
from core.detectors.event import Event, tell
from core.detectors.states import State
from core.upstream.provider import Mailbox

__all__ = ["ALERT_PERCENT", "MARGIN", "Seen", "detect"]

ALERT_PERCENT: Final = 90
"""Of its limit, from which a mailbox raises an alarm where nothing else is set."""
MARGIN: Final = 5
"""So many points below that an alarm ends: a mailbox on the edge does not flap."""
_DETECTOR: Final = "mailbox_usage"
_MOST_PERCENT: Final = 1_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All mailboxes of a domain, as its host counts them, and from which per cent on its tenant is told."""

    tenant: str
    domain: str
    mailboxes: tuple[Mailbox, ...]
    quota_percent: int = ALERT_PERCENT
    send_percent: int = ALERT_PERCENT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gauge:
    """One figure of one mailbox; `percent` is None while the host does not count it."""

    what: str
    address: str
    percent: float | None
    threshold: int
    figures: Mapping[str, Any]


async def detect(tx: AsyncConnection, now_ms: int, *, chain: Chain, seen: Iterable[Seen]) -> list[Event]:
    """`mailbox.quota_alert`, `mailbox.send_limit_alert`, and `..._recovered` once well below.

    A mailbox, and a domain, that is gone takes its alarm along untold.
    """
    owners = {domain: tenant for tenant, domain in await watched(tx)}
    fresh = [each for each in seen if owners.get(each.domain) == each.tenant]
    told = await states.every(tx, _DETECTOR)
    await states.drop(tx, _DETECTOR, _gone(told, owners, fresh))
    events = []
    for domain in fresh:
        for gauge in (gauge for box in domain.mailboxes for gauge in _gauges(domain, box)):
            event = await _judge(tx, domain, gauge, told, now_ms)
            if event is not None:
                events.append(event)
    return await tell(tx, chain, now_ms, events)


def _gone(
    told: Iterable[tuple[str, str]], owners: Mapping[str, str], fresh: Iterable[Seen]
) -> list[tuple[str, str]]:
    """Of what was told: whose domain is not the tenant's any more, or whose host has the mailbox no more."""
    there = {each.domain: {_address(each, box) for box in each.mailboxes} for each in fresh}
    found = []
    for tenant, subject in told:
        address = subject.partition("/")[2]
        domain = address.rpartition("@")[2]
        if owners.get(domain) != tenant or (domain in there and address not in there[domain]):
            found.append((tenant, subject))
    return found


def _gauges(domain: Seen, box: Mailbox) -> tuple[_Gauge, _Gauge]:
    address = _address(domain, box)
    return (
        _Gauge(
            what="quota",
            address=address,
            percent=_percent(box.used_mb, box.quota_mb),
            threshold=domain.quota_percent,
            figures={"used_mb": box.used_mb, "quota_mb": box.quota_mb},
        ),
        _Gauge(
            what="send_limit",
            address=address,
            percent=_percent(box.sent_today, box.send_limit),
            threshold=domain.send_percent,
            figures={"sent_today": box.sent_today, "send_limit": box.send_limit},
        ),
    )


def _percent(used: float | None, limit: int) -> float | None:
    if limit <= 0:
        return 0.0
    return None if used is None else min(used / limit * 100, _MOST_PERCENT)


async def _judge(
    tx: AsyncConnection, domain: Seen, gauge: _Gauge, told: Mapping[tuple[str, str], State], now_ms: int
) -> Event | None:
    subject = f"{gauge.what}/{gauge.address}"
    is_up = (domain.tenant, subject) in told
    if gauge.percent is None:
        return None
    if not is_up and gauge.percent >= gauge.threshold:
        new = State(tenant=domain.tenant, subject=subject, state="alert", since_ms=now_ms)
        await states.put(tx, _DETECTOR, new)
        return _event(domain, gauge, gauge.percent, "alert")
    if is_up and gauge.percent < gauge.threshold - MARGIN:
        await states.drop(tx, _DETECTOR, [(domain.tenant, subject)])
        return _event(domain, gauge, gauge.percent, "recovered")
    return None


def _event(domain: Seen, gauge: _Gauge, percent: float, turn: str) -> Event:
    data = {
        "domain": domain.domain,
        "address": gauge.address,
        "percent": round(percent, 1),
        "threshold_percent": gauge.threshold,
        **gauge.figures,
    }
    return Event(
        name=f"mailbox.{gauge.what}_{turn}",
        resource=f"mailbox/{gauge.address}",
        data=data,
        tenant=domain.tenant,
        domain=domain.domain,
    )


def _address(domain: Seen, box: Mailbox) -> str:
    return f"{box.username.lower()}@{domain.domain}"
