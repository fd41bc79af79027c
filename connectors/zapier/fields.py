"""The flat fields of each kind of alert: a promise, because a Zap maps them by their names.

Every field of a kind is always there. A text or a time that the event does not have is an empty text, a
number that it does not have is null. A name never changes its meaning; new ones may be added at the end.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from hub.model.event import Entry
from hub.sdk.alerts import Alert, alert_of
from hub.sdk.render.text import clean
from hub.sdk.times import iso

__all__ = ["FIELDS", "MOST_BYTES", "Field", "Value", "flat", "payload"]

Value = str | int | float | None

MOST_BYTES: Final = 96 * 1024
"""Of one request. Zapier takes 10 MB, but what it passes on to other services rarely passes above 100 KB."""
_TEXT_CHARS: Final = (2_000, 500)
"""Longest text, and longest where that makes the whole too large."""
_PART_CHARS: Final = 500
_MOST_RECIPIENTS: Final = 50
_MOST_DETAILS: Final = 40
_MOST_NUMBER: Final = 2**53
"""Above it JavaScript, which Zapier is made of, rounds."""
_YEAR_10000_MS: Final = 253_402_300_800_000


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the JSON object."""

    name: str
    kind: Literal["text", "time", "number"]
    about: str
    pick: Callable[[Alert], Any]


def _text(name: str, about: str, pick: Callable[[Alert], str]) -> Field:
    return Field(name, "text", about, pick)


def _number(name: str, about: str, pick: Callable[[Alert], Any]) -> Field:
    return Field(name, "number", about, pick)


def _time(name: str, about: str, pick: Callable[[Alert], int | None]) -> Field:
    return Field(name, "time", about, pick)


def _detail(name: str, about: str, *, number: bool = False) -> Field:
    """A value that only some vendors' events have, under the vendor's name."""
    return Field(name, "number" if number else "text", about, lambda alert: alert.details.get(name, ""))


_COMMON = (
    _text("event_id", "32 hexadecimal digits; a repeat carries the same one", lambda a: a.event_id),
    _text("kind", "the kind of alert, as in the headings here", lambda a: a.kind),
    _text("title", "what happened, in a few words", lambda a: a.title),
    _time("time", "when it happened", lambda a: a.time_ms),
    _text("severity", "Informational, Low, Medium, High, Critical, Fatal or Unknown", lambda a: a.severity),
    _number("severity_id", "the same as a number: 1 to 6, 0 is unknown, 99 other", lambda a: a.severity_id),
    _text("tenant", "whose event it is", lambda a: a.tenant),
    _text("source", "which source of the configuration it came from", lambda a: a.source),
    _text("product", "the product that reported it", lambda a: a.product),
    _text("code", "the vendor's name of the event", lambda a: a.code),
    _text("domain", "the mail domain concerned", lambda a: a.domain),
    _text("message", "one sentence", lambda a: a.message),
    _text("reason", "why, as the vendor says", lambda a: a.reason),
)
_DETAILS = _text(
    "details",
    "the vendor's own plain values, as `name=value; name=value`",
    lambda a: "; ".join(
        f"{name[:_PART_CHARS]}={text[:_PART_CHARS]}" for name, text in list(a.details.items())[:_MOST_DETAILS]
    ),
)
_MAIL = (
    _text("sender", "envelope sender, else the header's", lambda a: a.sender),
    _text(
        "recipients",
        f"addresses, joined by commas (at most {_MOST_RECIPIENTS})",
        lambda a: ", ".join(each[:_PART_CHARS] for each in a.recipients[:_MOST_RECIPIENTS]),
    ),
    _number("recipient_count", "how many recipients", lambda a: len(a.recipients)),
    _text("subject", "as its sender wrote it", lambda a: a.subject),
    _text("message_id", "the mail's Message-ID", lambda a: a.message_id),
    _number("score", "the filter's score", lambda a: a.score),
    _text("client_ip", "address that delivered the mail", lambda a: a.client_ip),
    _text("spf", "result of SPF", lambda a: a.spf),
    _text("dkim", "result of DKIM", lambda a: a.dkim),
    _text("dmarc", "result of DMARC", lambda a: a.dmarc),
    _text("disposition", "what was done with the mail", lambda a: a.disposition),
)
_QUEUE_ID = _detail("queue_id", "the mail's id in the quarantine")
_ACTOR = _text("actor", "who did it", lambda a: a.actor)
_COUNT = _number("count", "how many happenings this one stands for", lambda a: a.count)
_SPAN = (
    _time("first_time", "of the oldest of them", lambda a: a.first_ms),
    _time("last_time", "of the youngest of them", lambda a: a.last_ms),
)


def _resource(about: str) -> Field:
    return _text("resource", about, lambda a: a.resource)


_OWN: Mapping[str, tuple[Field, ...]] = {
    "quarantine.added": (*_MAIL, _QUEUE_ID),
    "quarantine.released": (*_MAIL, _QUEUE_ID, _ACTOR),
    "quarantine.discarded": (*_MAIL, _QUEUE_ID, _ACTOR),
    "dmarc.failure": (
        _resource("the domain that was used"),
        _text("client_ip", "address that sent in its name", lambda a: a.client_ip),
        _text("spf", "result of SPF", lambda a: a.spf),
        _text("dkim", "result of DKIM", lambda a: a.dkim),
        _text("dmarc", "result of DMARC", lambda a: a.dmarc),
        _text("disposition", "what the receiver did", lambda a: a.disposition),
        _COUNT,
        *_SPAN,
    ),
    "dmarc.policy_drift": (_resource("the domain whose policy changed"), _ACTOR),
    "cert.expiring": (
        _resource("the certificate's name"),
        _detail("issuer", "who issued it"),
        _detail("not_after", "until when it holds, as the vendor says"),
        _detail("days_left", "days until then", number=True),
    ),
    "dkim.rotation_due": (
        _resource("the domain"),
        _detail("selector", "the key's selector"),
        _detail("rotate_by", "until when, as the vendor says"),
        _detail("days_left", "days until then", number=True),
    ),
    "reputation.threshold_crossed": (
        _text("client_ip", "the address it is about", lambda a: a.client_ip),
        _number("score", "its reputation now", lambda a: a.score),
        _detail("previous_score", "its reputation before", number=True),
        _detail("threshold", "the threshold that was crossed", number=True),
        _detail("direction", "`listed` or `recovered`"),
        _detail("messages", "messages from it", number=True),
    ),
    "license.changed": (
        _ACTOR,
        _detail("change", "what changed"),
        _detail("tier", "the licence now"),
        _detail("previous_tier", "the licence before"),
        _detail("valid_until", "until when, as the vendor says"),
    ),
    "hub.health": (_resource("the connector, source or stream concerned"),),
    "hub.digest": (_resource("the connector whose alerts waited"), _COUNT, *_SPAN),
    "hub.storm": (
        _resource("the connector that was spared them"),
        _text("storm_kind", "the kind of alert that came so often", lambda a: a.details.get("kind", "")),
        _text("storm_sender", "the sender that they share", lambda a: a.details.get("sender", "")),
        _text("storm_domain", "the domain that they share", lambda a: a.details.get("domain", "")),
        _COUNT,
        *_SPAN,
    ),
    "other": (*_MAIL, _ACTOR, _resource("what it is about"), _COUNT, *_SPAN),
}
FIELDS: Mapping[str, tuple[Field, ...]] = {kind: (*_COMMON, *own, _DETAILS) for kind, own in _OWN.items()}
"""Kind of alert -> its fields, in their order."""


def payload(entry: Entry) -> bytes:
    """The JSON object for one event, at most `MOST_BYTES`; what was cut ends in an ellipsis."""
    alert = alert_of(entry)
    body = b""
    for most in _TEXT_CHARS:
        body = orjson.dumps(flat(alert, most))
        if len(body) <= MOST_BYTES:
            break
    return body


def flat(alert: Alert, most_chars: int = _TEXT_CHARS[0]) -> dict[str, Value]:
    """Every field of the alert's kind. Texts are one line of visible characters, at most `most_chars`."""
    return {field.name: _value(field, field.pick(alert), most_chars) for field in FIELDS[alert.kind]}


def _value(field: Field, value: Any, most_chars: int) -> Value:
    if field.kind == "number":
        return _plain_number(value)
    if field.kind == "time":
        return _moment(value)
    return clean(value, most_chars) if isinstance(value, str) else ""


def _plain_number(value: Any) -> int | float | None:
    """Also of a text that is a number; null for anything that every reader would not read alike."""
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if number is None or not math.isfinite(number) or abs(number) > _MOST_NUMBER:
        return None
    return int(number) if number == int(number) else float(number)


def _moment(value: int | None) -> str:
    return iso(value) if value is not None and 0 <= value < _YEAR_10000_MS else ""
