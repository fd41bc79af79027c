"""From rules that fired to a verdict: score, action by the domain's thresholds, reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.engine.message import Mail
from core.engine.rules import RULES, Context, Group

__all__ = ["Action", "Judgement", "Reason", "Thresholds", "action_of", "judge", "reason_of"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the rules alone say. `symbols` are the names of the rules that fired, in the table's order."""

    action: Action
    score: float
    symbols: tuple[str, ...]
    reason: Reason


class Weighted(Protocol):
    """A rule or a symbol: something with a score that speaks for a reason."""

    @property
    def score(self) -> float: ...
    @property
    def group(self) -> Group: ...


def judge(mail: Mail, context: Context, thresholds: Thresholds) -> Judgement:
    """Run every rule over the message and weigh the result."""
    fired = [rule for rule in RULES if rule.test(mail, context)]
    score = round(sum(rule.score for rule in fired), 2)
    return Judgement(
        action=action_of(score, thresholds),
        score=score,
        symbols=tuple(rule.name for rule in fired),
        reason=reason_of(fired),
    )


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
