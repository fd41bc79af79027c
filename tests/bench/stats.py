"""Quantiles and medians of what was measured."""

from collections.abc import Iterable, Sequence
from math import ceil

__all__ = ["median", "quantile", "spread"]


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank).

    Raises `ValueError` where there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no quantile")
    return ordered[max(ceil(share * len(ordered)) - 1, 0)]


def median(values: Iterable[float]) -> float:
    """The middle value; of an even number, the mean of the two there. Raises `ValueError` for none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no median")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(values: Sequence[float], digits: int = 0) -> str:
    """`3 runs 4,012 to 4,264`, for the note beside a median."""
    if len(values) < 2:
        return "1 run"
    return f"{len(values)} runs {min(values):,.{digits}f} to {max(values):,.{digits}f}"
