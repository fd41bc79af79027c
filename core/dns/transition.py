"""Alerts about a domain's health: on transitions only, and not on every flap."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from core.dns.check import Overall

__all__ = ["CONFIRM", "Told", "Transition", "transition"]

CONFIRM: Final = 2
"""So many reports in a row must agree before a change is told."""
_BADNESS: Final[Mapping[Overall, int]] = {"healthy": 0, "degraded": 1, "unhealthy": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is to be kept between reports. `overall` was told last; `next` was seen `seen` times since."""

    overall: Overall = "unknown"
    next: Overall = "unknown"
    seen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An event's name and data; `previous` is `None` at the first report."""

    event: Literal["dns.health_alert", "dns.health_recovered"]
    overall: Overall
    previous: Overall | None


def transition(previous: Told, now: Overall, *, confirm: int = CONFIRM) -> tuple[Told, Transition | None]:
    """The state to keep, and the event if there is one.

    `unknown` is no evidence: it neither tells nor breaks a row. An alert is a change for the worse (also from
    degraded to unhealthy), a recovery one to healthy; from unhealthy to degraded is neither. A change must be
    seen `confirm` times in a row; of reports that are all worse than what was told the mildest counts.
    """
    if now == "unknown":
        return previous, None
    if now == previous.overall:
        return Told(overall=now), None
    goes_on = _continues(previous, now)
    seen = previous.seen + 1 if goes_on else 1
    state = min(previous.next, now, key=_BADNESS.__getitem__) if goes_on else now
    if seen < confirm:
        return Told(overall=previous.overall, next=state, seen=seen), None
    return Told(overall=state), _event(previous.overall, state)


def _continues(previous: Told, now: Overall) -> bool:
    """Whether the report says what those before it said: the same, or that it is worse than was told."""
    was = _BADNESS.get(previous.overall, 0)
    both_worse = previous.seen > 0 and min(_BADNESS[now], _BADNESS.get(previous.next, 0)) > was
    return both_worse or now == previous.next


def _event(was: Overall, now: Overall) -> Transition | None:
    before = None if was == "unknown" else was
    if _BADNESS[now] > _BADNESS.get(was, 0):
        return Transition(event="dns.health_alert", overall=now, previous=before)
    if now == "healthy" and was != "unknown":
        return Transition(event="dns.health_recovered", overall=now, previous=before)
    return None
