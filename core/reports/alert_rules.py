"""Alert rules: what is measured, against what, how often; and the two states that an alert has.

A rule is evaluated at each run of the scheduler (`immediate`), or once in a UTC day or ISO week. It speaks
only when its state changes: triggered, then resolved. No measurement is no evidence and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from core.store.clock import DAY_MS, HOUR_MS

__all__ = [
    "TYPES",
    "BadRule",
    "Comparison",
    "Frequency",
    "Kind",
    "Measure",
    "Rule",
    "checked",
    "due",
    "message",
    "step",
]

Comparison = Literal["below", "above"]
Frequency = Literal["immediate", "daily", "weekly"]
Turn = Literal["triggered", "resolved"]

_LONGEST_MS: Final = 366 * DAY_MS
_MOST_NAME_CHARS: Final = 200


class BadRule(ValueError):
    """A rule that cannot be. `field` says which part, `says` why."""

    def __init__(self, field: str, says: str) -> None:
        super().__init__(f"{field}: {says}")
        self.field, self.says = field, says


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of rule. `shortest_ms` is the least window: reports come a day after the mail.

    `minimum`: messages below which there is no measurement.
    """

    label: str
    unit: Literal["%", " messages", " addresses", ""]
    comparison: Comparison
    threshold: float
    window_ms: int
    shortest_ms: int = HOUR_MS
    severity: Literal["low", "medium", "high"] = "medium"
    minimum: int = 1


_WEEK_MS: Final = 7 * DAY_MS
_REPORTED: Final[Mapping[str, Any]] = {"window_ms": _WEEK_MS, "shortest_ms": 2 * DAY_MS}
TYPES: Final[Mapping[str, Kind]] = {
    "dmarc_failure": Kind(
        label="DMARC pass rate", unit="%", comparison="below", threshold=95, severity="high", **_REPORTED
    ),
    "spf_failure": Kind(label="SPF pass rate", unit="%", comparison="below", threshold=95, **_REPORTED),
    "dkim_failure": Kind(label="DKIM pass rate", unit="%", comparison="below", threshold=95, **_REPORTED),
    "dmarc_failures": Kind(
        label="Mail failing DMARC", unit=" messages", comparison="above", threshold=100, **_REPORTED
    ),
    "sources": Kind(
        label="Addresses sending for the domain",
        unit=" addresses",
        comparison="above",
        threshold=100,
        **_REPORTED,
    ),
    "quarantine_rate": Kind(
        label="Quarantine rate", unit="%", comparison="above", threshold=50, window_ms=DAY_MS
    ),
    "reject_rate": Kind(label="Reject rate", unit="%", comparison="above", threshold=50, window_ms=DAY_MS),
    "volume": Kind(
        label="Volume", unit=" messages", comparison="below", threshold=1, window_ms=DAY_MS, minimum=0
    ),
    "policy_violation": Kind(
        label="Drift of the DMARC policy",
        unit="",
        comparison="above",
        threshold=0,
        window_ms=HOUR_MS,
        severity="high",
    ),
    "dns_change": Kind(
        label="Trouble with DNS records", unit="", comparison="above", threshold=0, window_ms=HOUR_MS
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`domain` empty: every domain of the tenant. `minimum`: messages below which there is no measurement."""

    id: str
    tenant: str
    name: str
    type: str
    domain: str
    threshold: float
    comparison: Comparison
    window_ms: int
    frequency: Frequency
    minimum: int
    enabled: bool

    @property
    def kind(self) -> Kind:
        return TYPES[self.type]


@dataclass(frozen=True, slots=True)
class Measure:
    """A value of one domain, and how many messages it rests on."""

    value: float
    messages: int


def checked(
    *,
    type: str,  # noqa: A002 -- the resource's own word
    threshold: float | None = None,
    comparison: str | None = None,
    window_ms: int | None = None,
    frequency: str = "immediate",
    minimum: int | None = None,
    name: str = "",
) -> dict[str, Any]:
    """The columns of a rule, defaults of its type filled in. Raises `BadRule`."""
    kind = TYPES.get(type)
    if kind is None:
        raise BadRule("type", f"{type!r:.40} is none of {', '.join(TYPES)}")
    limit = kind.threshold if threshold is None else threshold
    compare, window = comparison or kind.comparison, kind.window_ms if window_ms is None else window_ms
    highest = 100 if kind.unit == "%" else 10**12
    if not 0 <= limit <= highest:
        raise BadRule("threshold", f"must be a number from 0 to {highest}")
    if compare not in get_args(Comparison):
        raise BadRule("comparison", "must be below or above")
    if not kind.shortest_ms <= window <= _LONGEST_MS:
        raise BadRule("window", f"must be {kind.shortest_ms // HOUR_MS} hours to 366 days for {type}")
    if frequency not in get_args(Frequency):
        raise BadRule("frequency", f"must be one of {', '.join(get_args(Frequency))}")
    least = kind.minimum if minimum is None else minimum
    if not 0 <= least <= 10**12:
        raise BadRule("minimum", "must be a number of messages, 0 or more")
    if len(name) > _MOST_NAME_CHARS:
        raise BadRule("name", f"must have at most {_MOST_NAME_CHARS} characters")
    settings = {"comparison": compare, "window_ms": window, "minimum": least}
    return {"type": type, "name": name, "threshold": limit, "frequency": frequency, "settings": settings}


def due(frequency: Frequency, last_ms: int | None, now_ms: int) -> bool:
    """Whether a rule that was evaluated then is to be evaluated now."""
    if frequency == "immediate" or last_ms is None:
        return True
    last, now = (datetime.fromtimestamp(at_ms / 1000, UTC) for at_ms in (last_ms, now_ms))
    if frequency == "daily":
        return last.date() != now.date()
    return last.isocalendar()[:2] != now.isocalendar()[:2]


def step(rule: Rule, measure: Measure | None, *, is_open: bool) -> Turn | None:
    """What a measurement changes: an alert opens, is resolved, or nothing."""
    if measure is None or measure.messages < rule.minimum:
        return None
    low = rule.comparison == "below"
    breached = measure.value < rule.threshold if low else measure.value > rule.threshold
    if breached == is_open:
        return None
    return "triggered" if breached else "resolved"


def message(rule: Rule) -> str:
    """A sentence for people: `DMARC pass rate dropped below 95%`."""
    kind = rule.kind
    if not kind.unit:
        return kind.label
    verb = "dropped below" if rule.comparison == "below" else "rose above"
    return f"{kind.label} {verb} {rule.threshold:g}{kind.unit}"
