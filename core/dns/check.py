"""One line of a health report, and what many lines make together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.dns.answers import Answer

__all__ = ["Check", "Overall", "Status", "clipped", "overall", "unasked"]

Status = Literal["pass", "warn", "fail", "pending", "skipped"]
Overall = Literal["healthy", "degraded", "unhealthy", "unknown"]

_MOST_SHOWN = 20
_MOST_CHARS = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`pending` is not there yet, or (`is_temporary`) cannot be known now because the DNS does not answer.

    `counts`: whether it takes part in the overall status. `expected` is a text or a list of MX data.
    """

    status: Status
    label: str
    message: str
    expected: object = None
    found: tuple[object, ...] = ()
    host: str = ""
    counts: bool = True
    is_temporary: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON: `{"status", "label", "expected_host", "expected", "found", "message", "temporary"}`."""
        return {
            "status": self.status,
            "label": self.label,
            "expected_host": self.host,
            "expected": self.expected,
            "found": list(self.found),
            "message": self.message,
            "temporary": self.is_temporary,
        }


def overall(checks: Mapping[str, Check]) -> Overall:
    """`unhealthy` with a failed check, `degraded` with a warning, `unknown` when neither is proven and one
    could not be asked, else `healthy`.
    """
    counted = [each for each in checks.values() if each.counts]
    statuses = {each.status for each in counted}
    if "fail" in statuses:
        return "unhealthy"
    if "warn" in statuses:
        return "degraded"
    return "unknown" if any(each.is_temporary for each in counted) else "healthy"


def unasked(label: str, answer: Answer | str, *, host: str = "", counts: bool = True) -> Check:
    """The check of what the DNS does not tell now."""
    reason = answer if isinstance(answer, str) else answer.reason
    message = f"Cannot be checked now: {reason}"
    return Check(status="pending", label=label, message=message, host=host, counts=counts, is_temporary=True)


def clipped(values: Iterable[str]) -> tuple[str, ...]:
    """Texts for people: not more, and none longer, than a report should hold."""
    return tuple(value[:_MOST_CHARS] for value in list(values)[:_MOST_SHOWN])
