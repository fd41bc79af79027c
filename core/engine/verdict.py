"""From rules that fired to a verdict: score, action by the domain's thresholds, reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.engine.rules import Group

__all__ = ["Action", "Reason", "Thresholds", "action_of", "reason_of"]

Action = Literal["deliver", "tag", "quarantine", "reject"]
Reason = Literal["spam", "phishing", "sandbox", "rbl"]

_REASON_ORDER: tuple[Reason, ...] = ("sandbox", "phishing", "rbl", "spam")
"""On equal weight the more dangerous one names the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """A domain's limits on the score; a message at a limit is already over it."""

    tag: float = 5.0
    quarantine: float = 8.0
    reject: float = 22.0


class Weighted(Protocol):
    """A rule or a symbol: something with a score that speaks for a reason."""

    @property
    def score(self) -> float: ...
    @property
    def group(self) -> Group: ...


def action_of(score: float, limits: Thresholds) -> Action:
    """What the limits say of a score."""
    if score >= limits.reject:
        return "reject"
    if score >= limits.quarantine:
        return "quarantine"
    return "tag" if score >= limits.tag else "deliver"


def reason_of(fired: Sequence[Weighted]) -> Reason:
    """What the positive scores together speak for most."""
    weights: dict[Group, float] = dict.fromkeys(_REASON_ORDER, 0.0)
    for one in fired:
        weights[one.group] += max(one.score, 0.0)
    return max(_REASON_ORDER, key=lambda reason: weights[reason])
