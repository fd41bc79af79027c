"""An event on its way: what the log, the archive and the senders pass along."""

from dataclasses import dataclass

import msgspec

__all__ = ["Entry", "Event", "Header"]


class Header(msgspec.Struct, array_like=True, frozen=True):
    """What routing needs to know, so that no stage has to parse the body for it."""

    tenant: str
    source: str
    class_uid: int
    code: str
    """The vendor's event name (`metadata.event_code`), e.g. `quarantine.added`."""
    severity: int
    """OCSF `severity_id`, 0 to 6 or 99."""
    domain: str
    """The mail domain that the event concerns, lower case; empty when there is none."""
    time_ms: int
    """Event time, epoch milliseconds, as the vendor said it (not clamped)."""
    recorded_ms: int
    """When we took it in (`metadata.logged_time`), epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Event:
    """A normalised event, ready to be recorded."""

    uid: bytes
    """16 bytes, see `hub.model.ids`."""
    header: Header
    body: bytes
    """The OCSF event as JSON, serialised once; every connector gets these bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded event: it has a place in its partition's log."""

    seq: int
    """1, 2, 3, ... without gaps within the partition."""
    uid: bytes
    header: Header
    body: bytes
