"""The limits of the page: 600 requests an hour, at most 60 of them in a minute."""

from collections.abc import Mapping

from hub.access.limiter import Budget
from hub.access.plans import DEFAULT, PLANS, Limits
from hub.access.principal import Principal

__all__ = ["limits", "told"]


def limits(principal: Principal) -> Limits | None:
    """Those of the page; a key that has a plan or figures of its own has been given other ones."""
    return PLANS["mxguard"] if principal.limits in (None, DEFAULT) else principal.limits


def told(budget: Budget) -> Mapping[str, str]:
    """`X-RateLimit-Remaining` and `-Reset` (epoch seconds); the page names no `-Limit`."""
    tightest = budget.tightest
    if tightest is None:
        return {}
    reset_s = -(-(budget.now_ms + tightest.full_ms) // 1000)
    return {"X-RateLimit-Remaining": str(tightest.remaining), "X-RateLimit-Reset": str(reset_s)}
