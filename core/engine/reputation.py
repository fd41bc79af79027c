"""Sender-IP reputation: a moving average of what the filter thought of an address's mail.

0 is the worst, 100 the best. An address is listed below `LIST_BELOW` and comes off the list above
`UNLIST_ABOVE`; the gap keeps one that hovers at the threshold from crossing it with every message.
"""

from dataclasses import dataclass, replace
from typing import Literal

from core.engine.verdict import Action

__all__ = ["LIST_BELOW", "UNLIST_ABOVE", "Crossing", "Standing", "observe"]

START = 60.0
LIST_BELOW = 30.0
UNLIST_ABOVE = 45.0
WEIGHT = 0.15
"""Share of the newest verdict: about five bad messages list an unknown address."""

_WORTH: dict[Action, float] = {"deliver": 100.0, "tag": 40.0, "quarantine": 5.0, "reject": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one client address."""

    ip: str
    score: float = START
    messages: int = 0
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A threshold was crossed by this message."""

    direction: Literal["listed", "unlisted"]
    threshold: float
    previous_score: float
    standing: Standing


def observe(standing: Standing, action: Action) -> tuple[Standing, Crossing | None]:
    """The standing after one more verdict, and the crossing if the list state changed with it."""
    score = round(standing.score + WEIGHT * (_WORTH[action] - standing.score), 3)
    after = replace(standing, score=score, messages=standing.messages + 1)
    if not standing.listed and score < LIST_BELOW:
        after = replace(after, listed=True)
        return after, Crossing(
            direction="listed", threshold=LIST_BELOW, previous_score=standing.score, standing=after
        )
    if standing.listed and score > UNLIST_ABOVE:
        after = replace(after, listed=False)
        return after, Crossing(
            direction="unlisted", threshold=UNLIST_ABOVE, previous_score=standing.score, standing=after
        )
    return after, None
