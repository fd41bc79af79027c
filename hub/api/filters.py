"""Query parameters of everything that selects events, and their translation to the archive's query."""

import time
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hub.archive.query import MAX_LIMIT, Query
from hub.web.errors import ValidationFailed
from hub.web.times import parse_time

__all__ = ["EventFilter", "EventPage", "Limit", "now_ms"]

SEVERITIES = {
    "unknown": 0,
    "informational": 1,
    "low": 2,
    "medium": 3,
    "high": 4,
    "critical": 5,
    "fatal": 6,
    "other": 99,
}
_RANKS = frozenset(str(rank) for rank in SEVERITIES.values())
_WORST = SEVERITIES["fatal"]
_MAX_VALUES = 50


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _clean(text: str) -> str:
    if any(ord(char) < ord(" ") or char == "\x7f" for char in text):
        raise ValueError("holds a control character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid UTF-8") from None
    return text


def _time(value: Any) -> Any:
    return None if value is None else parse_time(_clean(str(value)), now_ms=now_ms())


def _severities(values: Any) -> Any:
    """`>=3` (also by name) stands for 3 to 6; 99 (other) has no rank."""
    if not isinstance(values, list | tuple):
        return values
    found: list[Any] = []
    for value in values:
        if isinstance(value, str) and value.startswith(">="):
            found += range(_severity(value[2:].strip()), _WORST + 1) or [SEVERITIES["other"]]
        else:
            found.append(_severity(value))
    return tuple(found)


def _severity(value: Any) -> int:
    word = str(value).lower()
    if word in SEVERITIES:
        return SEVERITIES[word]
    if word in _RANKS:
        return int(word)
    raise ValueError(f"is 0 to 6, 99, or one of {', '.join(SEVERITIES)}; >=3 means that or worse")


Word = Annotated[str, Field(max_length=320), AfterValidator(_clean)]
Words = Annotated[tuple[Word, ...], Field(max_length=_MAX_VALUES)]
Text = Annotated[str, Field(max_length=1000), AfterValidator(_clean)]
Time = Annotated[int | None, BeforeValidator(_time, json_schema_input_type=str | int | None)]
Severities = Annotated[tuple[int, ...], BeforeValidator(_severities, json_schema_input_type=list[str | int])]
ClassUid = Annotated[int, Field(ge=0, le=999_999_999)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Most results a page.")]


class EventFilter(BaseModel):
    """All given conditions must hold; several values of one (repeated, or with commas) mean any of them."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    q: Text = Field("", description='Words in the text; a phrase in "quotes".')
    tenant: Words = ()
    since: Time = Field(
        None, description="Event time from here on: ISO 8601, epoch, or relative (2h, 7d, yesterday)."
    )
    until: Time = Field(None, description="Event time before this.")
    recorded_since: Time = Field(None, description="Recorded from here on.")
    recorded_until: Time = Field(None, description="Recorded before this.")
    source: Words = ()
    class_: tuple[ClassUid, ...] = Field(
        (), alias="class", max_length=_MAX_VALUES, description="OCSF class_uid."
    )
    code: Words = Field((), description="The vendor's event name, such as quarantine.added.")
    severity: Severities = Field(
        (),
        max_length=_MAX_VALUES,
        description="OCSF severity_id, or its name (low, high); >=3 = that or worse.",
    )
    sender: Word = Field("", description="Envelope or header sender, exactly, in any case.")
    recipient: Word = Field("", description="Any recipient, exactly, in any case.")
    domain: Words = Field((), description="The mail domain that the event concerns.")
    subject: Text = Field("", description="Words of the subject.")
    message_id: Text = Field("", description="Message-ID, with or without angle brackets.")
    disposition: Words = Field((), description="OCSF disposition, such as Quarantined.")

    def to_query(self, **more: Any) -> Query:
        """Raises `ValidationFailed` when a range ends before it begins."""
        _ordered("until", self.since, self.until)
        _ordered("recorded_until", self.recorded_since, self.recorded_until)
        return Query(
            q=self.q,
            tenant=self.tenant,
            source=self.source,
            class_uid=self.class_,
            code=self.code,
            severity=self.severity,
            sender=self.sender,
            recipient=self.recipient,
            domain=self.domain,
            subject=self.subject,
            message_id=self.message_id,
            disposition=self.disposition,
            since_ms=self.since,
            until_ms=self.until,
            recorded_since_ms=self.recorded_since,
            recorded_until_ms=self.recorded_until,
            **more,
        )


class EventPage(EventFilter):
    limit: Limit = 100
    cursor: Word | None = Field(
        None, description="`meta.pagination.next_cursor` of the page before.", max_length=2000
    )


def _ordered(name: str, since: int | None, until: int | None) -> None:
    if since is not None and until is not None and until < since:
        raise ValidationFailed.of(name, "ends before it begins")
