"""Happenings of the hub itself: archive, stages, embedded server, alarms, configuration."""

from hub.telemetry.happenings.base import happening
from hub.telemetry.metrics import METRICS

__all__ = [
    "alarm",
    "archive_resumed",
    "archive_retained",
    "archive_stalled",
    "config_refused",
    "config_reloaded",
    "log_accepted",
    "log_rolled_back",
    "server_restarted",
    "stage_interrupted",
    "tenant_erased",
]


def archive_stalled(why: str | None) -> None:
    """The archive's writer stands still for a reason, or (`None`) goes on."""
    if why is None:
        archive_resumed()
    else:
        _archive_stalled(why)


@happening("hub.archive.stalled", "error", every_s=30.0)
def _archive_stalled(reason: str) -> None:
    """The archive cannot be written; the log holds the events until it can, or is full."""
    del reason
    METRICS.set("mxhub_archive_stalled", to=1)


@happening("hub.archive.resumed", "info")
def archive_resumed() -> None:
    """The archive is written again."""
    METRICS.set("mxhub_archive_stalled", to=0)


@happening("hub.archive.retained", "info")
def archive_retained(events: int) -> None:
    """Retention took whole partition files, with so many events."""
    METRICS.count("mxhub_archive_removed_events_total", by=events)


@happening("hub.tenant.erased", "info")
def tenant_erased(tenant: str, events: int) -> None:
    """A tenant's erasure is done and on record."""
    del tenant
    METRICS.count("mxhub_erased_events_total", by=events)


@happening("hub.stage.interrupted", "warning", every_s=5.0, by=("stage",))
def stage_interrupted(stage: str, error: str) -> None:
    """A stage could not finish its round and tries again."""
    del error
    METRICS.count("mxhub_stage_interruptions_total", stage)


@happening("hub.server.restarted", "error")
def server_restarted(reason: str, attempt: int) -> None:
    """The embedded server ended by itself and was started again."""
    del reason, attempt
    METRICS.count("mxhub_server_restarts_total")


@happening("hub.log.rolled_back", "error", every_s=60.0)
def log_rolled_back(reason: str) -> None:
    """The log's server lost what it had acknowledged; nothing is taken in, archived or delivered here."""
    del reason
    METRICS.set("mxhub_log_rolled_back", to=1)


@happening("hub.log.accepted", "warning")
def log_accepted(lost: str) -> None:
    """A log that was rolled back goes on: the archive agrees with it, or was begun anew."""
    del lost
    METRICS.set("mxhub_log_rolled_back", to=0)


@happening("hub.alarm.raised", "warning")
def alarm(code: str, subject: str, message: str) -> None:
    """The hub noticed something about its own health; it is an event of the source `mxhub` too."""
    del subject, message
    METRICS.count("mxhub_alarms_total", code)


@happening("hub.config.reloaded", "info")
def config_reloaded(files: int, sources: int, connectors: int) -> None:
    """The configuration was read again and is in force."""
    del files, sources, connectors
    METRICS.count("mxhub_config_reloads_total", "applied")


@happening("hub.config.refused", "error")
def config_refused(error: str) -> None:
    """The configuration was read again and does not hold; the one before stays in force."""
    del error
    METRICS.count("mxhub_config_reloads_total", "refused")
