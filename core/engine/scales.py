"""Scores as MxGuard writes them, from 0.00 to 1.00: tagged from 0.50, held from 0.75, refused from 0.97."""

from itertools import pairwise
from typing import Final

from core.engine.verdict import Thresholds

__all__ = ["engine_score", "mx_score"]

_LIMITS: Final = Thresholds()
_POINTS: Final = (
    (0.0, 0.0),
    (_LIMITS.tag, 0.50),
    (_LIMITS.quarantine, 0.75),
    (_LIMITS.reject, 0.97),
    (2 * _LIMITS.reject, 1.0),
)
"""Ours and theirs: the usual limits of both meet; straight lines in between."""


def mx_score(score: float) -> float:
    """A score of the engine, on their scale."""
    for (low, theirs), (high, next_one) in pairwise(_POINTS):
        if score < high:
            share = max(score - low, 0.0) / (high - low)
            return round(theirs + share * (next_one - theirs), 2)
    return 1.0


def engine_score(theirs: float) -> float:
    """The other way round; 1.0 and above is where their scale ends."""
    for (low, start), (high, end) in pairwise(_POINTS):
        if theirs < end:
            return low + (max(theirs, 0.0) - start) / (end - start) * (high - low)
    return _POINTS[-1][0]
