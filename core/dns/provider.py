"""Who holds a domain's zone, and writes its records."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["DnsProvider", "Record", "Zone", "ZoneRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record to write. `name` is whole, in A-labels; `content` of a TXT is its text, without quotes."""

    type: str
    name: str
    content: str
    priority: int | None = None
    ttl_s: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone at the provider. `is_active` once the domain's name servers lead there."""

    id: str
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRecord:
    """A record as the provider holds it."""

    id: str
    record: Record


class DnsProvider(Protocol):
    """All calls raise `core.upstream.errors.ProviderError` in one of its kinds."""

    name: str

    async def check(self) -> str:
        """Whether the credentials work: one line about them. Raises `NotAuthorised` when they do not."""
        ...

    async def zone(self, domain: str) -> Zone:
        """The zone that holds the domain: its own or the nearest above. Raises `NotThere`."""
        ...

    async def records(self, zone: Zone, *, name: str = "", type: str = "") -> tuple[ZoneRecord, ...]:  # noqa: A002
        """All records of the zone, or those of one name, or one type."""
        ...

    async def upsert(self, zone: Zone, record: Record, *, over: str = "") -> ZoneRecord:
        """Make the record, or overwrite the one whose id is `over`. One that is there already is fine.

        Raises `Conflict` when another record stands in the way (an alias and anything else of one name).
        """
        ...

    async def delete(self, zone: Zone, record_id: str) -> None:
        """Remove a record; one that is gone already is fine."""
        ...
