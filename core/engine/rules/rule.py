"""What a rule is: a name, a weight, what it speaks for, and one small pure function."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.engine.message import Mail

__all__ = ["Context", "Group", "Rule"]

Group = Literal["spam", "phishing", "sandbox", "rbl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a rule may know besides the message."""

    now: datetime
    listed: bool
    """Whether the client address is on the reputation list."""
    own_domains: frozenset[str]
    authenticated: bool = False
    """Whether the domain of the From header is proven (DMARC passes)."""
    rdns_known: bool = True
    """Whether an empty `Envelope.rdns` means that the client has no name, not that nobody could tell."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`score` is added when `test` holds; `group` is the reason it speaks for, `says` tells an admin why."""

    name: str
    score: float
    group: Group
    test: Callable[[Mail, Context], bool]
    says: str
