"""Happenings on the way out: routing, sending, blocked destinations.

A replay's row `connector@job` is counted with its connector, because jobs have no end; its log lines name the
row.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from hub.telemetry.happenings.base import happening
from hub.telemetry.metrics import METRICS

__all__ = [
    "connector_blocked",
    "connector_recovered",
    "delivered",
    "digest_refused",
    "digest_told",
    "events_dropped",
    "events_parked",
    "router_stale",
    "settled",
]


class _Fate(Protocol):
    """`hub.store.base.Fate`, which telemetry must not import."""

    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...


@happening("hub.router.stale", "debug")
def router_stale() -> None:
    """Another router was faster or the routes changed; it reads again."""
    METRICS.count("mxhub_router_stale_total")


def delivered(connector: str, fates: Sequence[_Fate], lag_ms: int) -> None:
    """A batch got its fates; `lag_ms` from recording to settling, of its oldest event."""
    kinds = Counter(fate.kind for fate in fates)
    for kind, number in kinds.items():
        METRICS.count("mxhub_fates_total", _base(connector), kind, by=number)
    settled(connector, len(fates), lag_ms)
    if kinds["parked"]:
        reason = next(fate.reason for fate in fates if fate.kind == "parked")
        events_parked(connector, kinds["parked"], reason)
    for reason, number in Counter(fate.reason for fate in fates if fate.kind == "dropped").items():
        events_dropped(connector, number, reason)


@happening("hub.delivery.settled", "debug")
def settled(connector: str, events: int, lag_ms: int) -> None:
    """A batch was sent and every event of it got its fate."""
    del connector, events
    METRICS.observe("mxhub_delivery_lag_seconds", value=max(lag_ms, 0) / 1000)


@happening("hub.delivery.parked", "warning", every_s=10.0, by=("connector",))
def events_parked(connector: str, events: int, reason: str) -> None:
    """Events were set aside with the reason, never to be tried again by themselves; see `mxhub parked`."""


@happening("hub.delivery.dropped", "warning", every_s=10.0, by=("connector", "reason"))
def events_dropped(connector: str, events: int, reason: str) -> None:
    """Events ended undelivered: too old (`stale`), by an operator, expired, or erased."""
    del connector
    METRICS.count("mxhub_drops_total", reason, by=events)


@happening("hub.connector.blocked", "error")
def connector_blocked(connector: str, reason: str) -> None:
    """A destination is down, full or refuses us; its queue and its retry clocks stand still."""
    del reason
    METRICS.count("mxhub_connector_blocks_total", _base(connector))


@happening("hub.connector.recovered", "info")
def connector_recovered(connector: str) -> None:
    """A blocked destination took events again."""


@happening("hub.digest.told", "info")
def digest_told(connector: str, events: int, why: str) -> None:
    """One message told a connector of many events: too old to be sent (`stale`), or a `storm`."""
    METRICS.count("mxhub_digests_total", _base(connector), why, by=1)
    METRICS.count("mxhub_digested_total", _base(connector), why, by=events)


@happening("hub.digest.refused", "error")
def digest_refused(connector: str, events: int, reason: str) -> None:
    """A destination refused a digest for good: nobody was told of so many events."""
    del reason
    METRICS.count("mxhub_untold_total", _base(connector), by=events)


def _base(connector: str) -> str:
    return connector.partition("@")[0]
