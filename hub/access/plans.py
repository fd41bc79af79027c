"""Plans and limits, as data. A plan changes how often something may be asked, never what."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Self

__all__ = [
    "DEFAULT",
    "MAX_BURST",
    "PLANS",
    "Limits",
    "Window",
    "of_a_person",
    "of_an_address",
    "of_plan",
    "windows",
]

MAX_BURST: Final = 10
_MINUTE_MS: Final = 60_000
_MOST: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """One limit as the limiter works with it."""

    name: str
    """Of its bucket; `second`, `minute`, `hour` and `day` are those of `Limits`."""
    limit: int
    """Requests per period."""
    period_ms: int
    burst: int = 1
    refills: bool = True
    """Token bucket: refilled steadily, holds `limit * burst`. Otherwise a window that opens with a first
    request, lets `limit` pass and closes after its period."""
    shared: bool = False
    """By all keys of a tenant."""

    @property
    def capacity(self) -> int:
        return self.limit * self.burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often one key may ask. `None` = no such limit."""

    per_minute: int | None = None
    burst: int = 1
    """The bucket of a minute holds this many times its rate."""
    per_hour: int | None = None
    per_day: int | None = None
    tenant_per_second: int | None = None
    """Together with all other keys of the tenant; above it the answer is 503, not 429."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            most = MAX_BURST if name == "burst" else _MOST
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is None and name != "burst":
                continue
            if not whole or not 1 <= value <= most:
                raise ValueError(f"{name}: a whole number from 1 to {most}, not {value!r}")

    def overridden(self, given: Mapping[str, Any] | None) -> Self:
        """With the figures of one key in place of the plan's. Raises `ValueError` for an unknown name."""
        unknown = set(given or ()) - set(asdict(self))
        if unknown:
            raise ValueError(f"no such limit: {', '.join(sorted(unknown))}")
        return replace(self, **(given or {}))


DEFAULT: Final = Limits(per_minute=100, burst=10)

PLANS: Final[Mapping[str, Limits]] = MappingProxyType(
    {
        "default": DEFAULT,
        "free": Limits(per_minute=60, per_day=1_000),
        "pro": Limits(per_minute=300, per_day=10_000),
        "enterprise": Limits(per_minute=1_000),
        "mxguard": Limits(per_minute=60, per_hour=600),
        "mailguard": Limits(per_minute=100, burst=10),
        "mailchannels": Limits(tenant_per_second=100),
    }
)
"""Free, Pro and Enterprise: the table of MailSentinel's page; the others are what one vendor's page says."""


def of_plan(name: str, limits: Mapping[str, Any] | None) -> Limits:
    """What a tenant's plan comes to with figures in place of its own; one that is no more is `default`."""
    return PLANS.get(name, DEFAULT).overridden(limits)


def of_a_person(limits: Limits) -> Limits:
    """What one person in a browser has under their tenant's limits: a key's minute, and the tenant's second.

    An hour and a day are what programs are sold.
    """
    same = {"per_minute": limits.per_minute, "burst": limits.burst}
    if limits.per_minute is None:
        same = {"per_minute": DEFAULT.per_minute, "burst": DEFAULT.burst}
    return Limits(tenant_per_second=limits.tenant_per_second, **same)  # type: ignore[arg-type]  # burst is set


def of_an_address(per_minute: int) -> Limits:
    """What one address has for requests without a key or session that holds."""
    return Limits(per_minute=per_minute, burst=MAX_BURST)


def windows(limits: Limits) -> tuple[Window, ...]:
    """The limits that there are, the shortest first."""
    found = []
    if limits.tenant_per_second is not None:
        found.append(Window("second", limits.tenant_per_second, 1_000, shared=True))
    if limits.per_minute is not None:
        found.append(Window("minute", limits.per_minute, _MINUTE_MS, limits.burst))
    if limits.per_hour is not None:
        found.append(Window("hour", limits.per_hour, 3_600_000, refills=False))
    if limits.per_day is not None:
        found.append(Window("day", limits.per_day, 86_400_000, refills=False))
    return tuple(found)
