"""What the rules alone say of a message: no DNS, no lists, no classifier."""

from dataclasses import dataclass

from core.engine.message import Mail
from core.engine.rules import RULES, Context
from core.engine.verdict import Action, Reason, Thresholds, action_of, reason_of

__all__ = ["Judgement", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`symbols` are the names of the rules that fired, in the table's order."""

    action: Action
    score: float
    symbols: tuple[str, ...]
    reason: Reason


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
