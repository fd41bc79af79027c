"""Tokens as bearers, and the limits of the page's table: Free, unless the key or its account has a plan."""

from collections.abc import Mapping

from hub.access.limiter import Budget
from hub.access.plans import DEFAULT, PLANS, Limits
from hub.access.principal import Principal

__all__ = ["limits", "told"]


def limits(principal: Principal) -> Limits | None:
    """The plans `free`, `pro` and `enterprise` are the page's own."""
    return PLANS["free"] if principal.limits in (None, DEFAULT) else principal.limits


def told(budget: Budget) -> Mapping[str, str]:
    """`X-RateLimit-Limit`, `-Remaining` and `-Reset` (epoch seconds) of the window that decides next."""
    tightest = budget.tightest
    if tightest is None:
        return {}
    reset_s = -(-(budget.now_ms + tightest.full_ms) // 1000)
    return {
        "X-RateLimit-Limit": str(tightest.window.capacity),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": str(reset_s),
    }
