"""Everything that happens: one function each, which counts it and writes its log line.

Names of metrics and lines are fixed, labels are bounded; `docs/reference/metrics.md` lists them all.
"""

from types import ModuleType

from hub.telemetry.happenings import delivery, intake, running
from hub.telemetry.happenings.base import Happening, describe
from hub.telemetry.happenings.delivery import (
    connector_blocked,
    connector_recovered,
    delivered,
    digest_refused,
    digest_told,
    events_dropped,
    events_parked,
    router_stale,
    settled,
)
from hub.telemetry.happenings.intake import (
    cursor_lost,
    event_unmapped,
    log_full,
    poll_failed,
    poll_interrupted,
    poll_page,
    source_refused,
    walk_failed,
    webhook_accepted,
    webhook_rejected,
)
from hub.telemetry.happenings.running import (
    alarm,
    archive_resumed,
    archive_retained,
    archive_stalled,
    config_refused,
    config_reloaded,
    log_accepted,
    log_rolled_back,
    server_restarted,
    stage_interrupted,
    tenant_erased,
)

__all__ = [
    "alarm",
    "all_happenings",
    "archive_resumed",
    "archive_retained",
    "archive_stalled",
    "config_refused",
    "config_reloaded",
    "connector_blocked",
    "connector_recovered",
    "cursor_lost",
    "delivered",
    "digest_refused",
    "digest_told",
    "event_unmapped",
    "events_dropped",
    "events_parked",
    "log_accepted",
    "log_full",
    "log_rolled_back",
    "poll_failed",
    "poll_interrupted",
    "poll_page",
    "router_stale",
    "server_restarted",
    "settled",
    "source_refused",
    "stage_interrupted",
    "tenant_erased",
    "walk_failed",
    "webhook_accepted",
    "webhook_rejected",
]

_MODULES: tuple[ModuleType, ...] = (intake, delivery, running)


def all_happenings() -> list[Happening]:
    """Every happening there is, by name."""
    found = {what for module in _MODULES for one in vars(module).values() if (what := describe(one))}
    return sorted(found, key=lambda what: what.name)
