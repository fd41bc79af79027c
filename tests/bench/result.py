"""One measured figure, held against its budget (DESIGN: budgets) and against a yardstick of the same run."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Result", "at_least", "at_most"]


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound that a value keeps or misses."""

    bound: float
    most: bool

    def kept(self, value: float) -> bool:
        return value <= self.bound if self.most else value >= self.bound

    def __str__(self) -> str:
        return f"{'<=' if self.most else '>='} {self.bound:,g}"


def at_least(bound: float) -> Budget:
    """The value must reach `bound`."""
    return Budget(bound, most=False)


def at_most(bound: float) -> Budget:
    """The value must not exceed `bound`."""
    return Budget(bound, most=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A row of the table. `value` is `None` where nothing could be measured; then `note` says why."""

    name: str
    value: float | None
    unit: str
    budget: Budget | None = None
    yardstick: float | None = None
    """The same figure of something known, measured in the same run, in the same unit."""
    note: str = ""
    """CPU time an event, spread of the runs, or why it was skipped."""

    @property
    def ratio(self) -> float | None:
        """Value over yardstick."""
        if self.value is None or not self.yardstick:
            return None
        return self.value / self.yardstick

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, `skipped`, or nothing where there is no budget."""
        if self.value is None:
            return "skipped"
        if self.budget is None:
            return ""
        return "ok" if self.budget.kept(self.value) else "MISSED"

    def as_json(self) -> dict[str, Any]:
        """The form that scripts read."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "yardstick": _rounded(self.yardstick),
            "ratio": _rounded(self.ratio),
        }


def _rounded(number: float | None) -> float | None:
    """Four significant digits are more than any run is good for."""
    return None if number is None else float(f"{number:.4g}")
