"""From rules that fired to a verdict: score, action by the domain's thresholds, reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.engine.message import Mail
from core.engine.rules import RULES, Context, Group, Rule

__all__ = ["Action", "Reason", "Thresholds", "Verdict", "judge"]

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
class Verdict:
    """`symbols` are the names of the rules that fired, in the table's order."""

    action: Action
    score: float
    symbols: tuple[str, ...]
    reason: Reason


def judge(mail: Mail, context: Context, thresholds: Thresholds) -> Verdict:
    """Run every rule over the message and weigh the result."""
    fired = [rule for rule in RULES if rule.test(mail, context)]
    score = round(sum(rule.score for rule in fired), 2)
    return Verdict(
        action=_action(score, thresholds),
        score=score,
        symbols=tuple(rule.name for rule in fired),
        reason=_reason(fired),
    )


def _action(score: float, limits: Thresholds) -> Action:
    if score >= limits.reject:
        return "reject"
    if score >= limits.quarantine:
        return "quarantine"
    return "tag" if score >= limits.tag else "deliver"


def _reason(fired: Sequence[Rule]) -> Reason:
    weights: dict[Group, float] = dict.fromkeys(_REASON_ORDER, 0.0)
    for rule in fired:
        weights[rule.group] += max(rule.score, 0.0)
    return max(_REASON_ORDER, key=lambda reason: weights[reason])
