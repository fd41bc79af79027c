"""The contract of a source: data plus small pure functions.

A source is one module under `hub/sources/` that defines `SPEC`. Third parties register theirs under the entry
point group `mxhub.sources`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from hub.model.ocsf import OcsfEvent
from hub.model.ocsf_objects import Product
from hub.sdk.options import Options
from hub.sdk.verify import Scheme

__all__ = [
    "Answer",
    "Call",
    "Fetch",
    "Item",
    "Mapped",
    "Mapper",
    "Page",
    "PollFailed",
    "SourceSpec",
    "Stream",
]

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What a mapper makes of one payload."""

    kind: str
    """First part of the identity after tenant and source, e.g. `quarantine`."""
    key: tuple[str, ...]
    """Natural key plus state or version: `("node-1", "4F2A", "2026-05-01T07:42:13Z", "added")`."""
    event: OcsfEvent
    """Everything but tenant, our id, logged time, raw data: the pipeline fills those in."""
    domain: str = ""


Mapper = Callable[[Payload], Mapped]
"""Pure: no clock, no I/O, no configuration. Raises anything on a payload it cannot read: the pipeline then
keeps the event as an OCSF base event with its raw payload, and counts it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One vendor object inside a webhook body or a poll's page."""

    code: str
    """The vendor's event name; picks the mapper. Empty when the payload names none."""
    payload: Payload
    raw: bytes
    """Its bytes as received (the slice of the page or body that holds it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One HTTP response of a walk."""

    items: Sequence[Item]
    cursor: str
    """Where to go on after these items: opaque text (JSON), stored with the page's last event in one step."""
    more: bool
    """Whether the walk goes on at once; `False` ends it until the next due time."""
    gap: str | None = None
    """Said when the vendor no longer knew the cursor: what may be missing. Becomes an explicit gap event."""


class PollFailed(Exception):
    """A page could not be fetched. The cursor stays where it is."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.refused = refused
        """Credentials refused (401/403): the stream stops until an operator or a new secret resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A vendor's HTTP answer as a stream sees it."""

    status: int
    headers: Mapping[str, str]
    """Names lower case."""
    body: bytes


Call = Callable[..., Awaitable[Answer]]
"""`await call("GET", "/audit/logs", params={...}) -> Answer`: the source's URL, credentials, shared budget,
deadline and size cap are the caller's business. Any status is returned, 429 and 503 are not (they raise
`PollFailed` after the shared budget has noted them); transport trouble raises `PollFailed`."""


Fetch = Callable[[Call, str | None, int], Awaitable[Page]]
"""`(call, cursor, now_ms) -> Page`: exactly one HTTP request; `cursor` is `None` on the first walk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Something to poll."""

    name: str
    """Unique within the source: `audit`, `quarantine`."""
    fetch: Fetch
    every_s: float = 300.0
    lookback: Fetch | None = None
    """The same for the walk that reads the recent past again for late entries; its cursor is kept apart."""
    lookback_every_s: float = 3600.0
    lookback_s: float = 86400.0
    """How far back it reads; the dedupe window must not be shorter."""
    lookback_of: Callable[[float], Fetch] | None = None
    """Makes `lookback` for another number of seconds."""

    def looking_back(self, seconds: float) -> Self:
        """The same stream with another look-back window (0 = none)."""
        if self.lookback_of is None or seconds <= 0:
            return replace(self, lookback=None, lookback_s=0.0)
        return replace(self, lookback=self.lookback_of(seconds), lookback_s=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A vendor as the registry knows it. `vendor` equals the module's name."""

    vendor: str
    title: str
    options: type[Options]
    schemes: tuple[Scheme, ...]
    """Signature schemes tried when the user's profile names none."""
    split: Callable[[bytes], Sequence[Item]]
    """A verified webhook body -> its items. Raises `ValueError` when it cannot be parsed: the body is then
    kept whole as one OCSF base event."""
    mappers: Mapping[str, Mapper]
    """Vendor event name -> mapper; a name that is not here becomes an OCSF base event."""
    families: Mapping[str, Mapper] = field(default_factory=dict)
    """First word of an event name (`audit` of `audit.domain.update`) -> mapper, for names that are an open
    set."""
    product: Product | None = None
    """`metadata.product` of every event; the title stands in when there is none."""
    streams: Callable[[Options], Sequence[Stream]] = field(default=lambda _: ())
    auth: Callable[[Options], Mapping[str, str]] = field(default=lambda _: {})
    """Request headers that authenticate a poll."""
    base_url: Callable[[Options], str] = field(default=lambda options: str(getattr(options, "url", "") or ""))
    """What the paths of polls and actions are appended to; empty when the source only receives."""
    adapt: Callable[["SourceSpec", Options], "SourceSpec"] = field(default=lambda spec, _: spec)
    """The spec with the user's profile overrides applied: called once for every configured source."""
