"""From what a connector answered to what is written: the rules of retry, park, block and order in one
place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.model.outcome import Blocked, Delivered, Outcome, Rejected, Retry
from hub.pipeline.backoff import RETRIES, Backoff
from hub.store.base import Fate

__all__ = ["DELIVERED", "POSTPONED", "Limits", "Settlement", "decide", "settle_head", "settle_ordered"]

DELIVERED = Fate("delivered")
POSTPONED = Fate("postponed", "the destination was blocked while others got through")
_REASON_CHARS = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how long one event is tried before it is parked."""

    attempts: int = 20
    age_ms: int = 75 * 3600 * 1000
    backoff: Backoff = RETRIES


@dataclass(frozen=True, slots=True)
class Settlement:
    """The head's first `len(fates)` references have a fate; the rest stays."""

    fates: list[Fate]
    blocked: Blocked | None


def decide(outcome: Delivered | Retry | Rejected, attempts: int, age_ms: int, limits: Limits) -> Fate:
    """Fate of one event after attempt number `attempts + 1`, first tried `age_ms` ago on the connector's
    clock.
    """
    match outcome:
        case Delivered():
            return DELIVERED
        case Rejected(reason):
            return Fate("parked", reason[:_REASON_CHARS])
        case Retry(reason, after_s):
            if attempts + 1 >= limits.attempts:
                return Fate("parked", f"given up after {attempts + 1} attempts: {reason}"[:_REASON_CHARS])
            if age_ms >= limits.age_ms:
                return Fate("parked", f"given up after {age_ms // 3_600_000} h: {reason}"[:_REASON_CHARS])
            delay_ms = int(limits.backoff.delay_s(attempts, after_s) * 1000)
            return Fate("retry", reason[:_REASON_CHARS], min(delay_ms, max(limits.age_ms - age_ms, 0)))


def settle_head(outcomes: Sequence[Outcome], limits: Limits) -> Settlement:
    """What of a queue's head can be settled.

    References before the last settled one that the block caught are postponed: to the retry set, without an
    attempt.
    """
    blocked = next((o for o in outcomes if isinstance(o, Blocked)), None)
    last = max((at for at, o in enumerate(outcomes) if not isinstance(o, Blocked)), default=-1)
    fates = [POSTPONED if isinstance(o, Blocked) else decide(o, 0, 0, limits) for o in outcomes[: last + 1]]
    return Settlement(fates, blocked)


def settle_ordered(outcomes: Sequence[Outcome], limits: Limits, *, attempts: int) -> Settlement:
    """The same for an `ordered` connector, which lets nothing be overtaken: the first trouble blocks what
    follows. After as many attempts as any event gets, `attempts` of which the first had before, it is parked:
    one event cannot hold up a queue for ever.
    """
    fates: list[Fate] = []
    for at, outcome in enumerate(outcomes):
        if isinstance(outcome, Blocked):
            return Settlement(fates, outcome)
        fate = decide(outcome, 0 if at else attempts, 0, limits)
        if isinstance(outcome, Retry) and fate.kind == "retry":
            why = f"ordered, waits for its oldest event: {outcome.reason}"
            return Settlement(fates, Blocked(why, outcome.after_s))
        fates.append(fate)
    return Settlement(fates, None)
