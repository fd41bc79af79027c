"""What a domain wants done with a score: limits, and how far an action may go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.engine.verdict import Action, Thresholds, action_of

__all__ = ["DomainPolicy", "HeaderNames", "PolicyAction", "fate_of", "milder", "worse"]

PolicyAction = Literal["block", "flag", "quarantine", "tag"]

_SEVERITY: tuple[Action, ...] = ("deliver", "tag", "quarantine", "reject")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderNames:
    """Names of the headers that a message gets; an empty one leaves its header out."""

    flag: str = "X-Spam-Flag"
    flag_value: str = "YES"
    """What the flag says on tagged and held mail; other mail does not carry it."""
    score: str = "X-Spam-Score"
    status: str = "X-Spam-Status"
    symbols: str = "X-Spam-Symbols"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainPolicy:
    """A domain's settings.

    `action` is how far the score may go: `quarantine` takes the three limits as they are; `block` refuses
    what would be held; `flag` and `tag` deliver everything, `flag` with its headers only, `tag` with
    `subject_prefix` as well.
    `blocked` is the fate of what a list blocks. `scores` replaces the weight of named symbols (0 silences
    one).
    `enforce_dmarc` follows a failing domain's own policy to the letter instead of weighing it.
    `safe` says when an entry that names a safe sender counts: `always`, unless SPF or DMARC say that it is
    forged, or only when SPF or DKIM prove it.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    action: PolicyAction = "quarantine"
    blocked: Action = "reject"
    enforce_dmarc: bool = False
    safe: Literal["always", "unless_forged", "proven"] = "unless_forged"
    subject_prefix: str = ""
    headers: HeaderNames = field(default_factory=HeaderNames)
    scores: Mapping[str, float] = field(default_factory=dict)


def fate_of(score: float, policy: DomainPolicy) -> Action:
    """The fate of a score under a policy."""
    action = action_of(score, policy.thresholds)
    if policy.action == "block":
        return "reject" if action == "quarantine" else action
    return action if policy.action == "quarantine" else milder(action, "tag")


def milder(one: Action, other: Action) -> Action:
    """The one that hurts less."""
    return min(one, other, key=_SEVERITY.index)


def worse(one: Action, other: Action) -> Action:
    """The one that hurts more."""
    return max(one, other, key=_SEVERITY.index)
