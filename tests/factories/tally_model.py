"""What the log promises about digests, as plain Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.store.base import Digest, Fate, Tally

__all__ = ["TalliesModel", "tally"]

MOST_AT_ONCE, MOST_ABOUT = 5, 5


def tally(key: str, n: int = 1, *, due_ms: int, at_ms: int = 1000, label: str = "x") -> Tally:
    return Tally(
        key=key, n=n, due_ms=due_ms, first_ms=at_ms, last_ms=at_ms + n, severity=n % 6, about=f"{key} {n}",
        parts={label: n},
    )  # fmt: skip


def _added(parts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {label: parts.get(label, 0) + more.get(label, 0) for label in {**parts, **more}}


def _merged(one: Tally, other: Tally) -> Tally:
    return replace(
        one,
        n=one.n + other.n,
        due_ms=min(one.due_ms, other.due_ms),
        first_ms=min(one.first_ms, other.first_ms),
        last_ms=max(one.last_ms, other.last_ms),
        severity=max(one.severity, other.severity),
        parts=_added(one.parts, other.parts),
    )


@dataclass
class TalliesModel:
    """Of one row."""

    open: dict[str, Tally] = field(default_factory=dict)
    sealed: Digest | None = None
    sealed_due_ms: int = 0
    number: int = 0
    told: int = 0
    untold: int = 0

    @property
    def waiting(self) -> int:
        return sum(one.n for one in self.open.values()) + (self.sealed.n if self.sealed else 0)

    def due_ms(self) -> int | None:
        if self.sealed:
            return self.sealed_due_ms
        return min((one.due_ms for one in self.open.values()), default=None)

    def add(self, tallies: Sequence[Tally]) -> None:
        for one in tallies:
            self.open[one.key] = _merged(self.open[one.key], one) if one.key in self.open else one

    def seal(self, name: str, now: int) -> Digest | None:
        at = self.due_ms()
        if at is None or at > now:
            return None
        if self.sealed is None:
            self._make(name, now)
        return self.sealed

    def _make(self, name: str, now: int) -> None:
        due = sorted(
            (one for one in self.open.values() if one.due_ms <= now), key=lambda one: (one.due_ms, one.key)
        )
        group = due[0].key.partition(":")[0]
        chosen = [one for one in due if one.key.partition(":")[0] == group]
        chosen = chosen if len(chosen) > MOST_AT_ONCE else chosen[:1]
        whole = chosen[0]
        for one in chosen[1:]:
            whole = _merged(whole, one)
        for one in chosen:
            del self.open[one.key]
        self.number += 1
        self.sealed_due_ms = now
        self.sealed = Digest(
            number=self.number, name=name, key=whole.key, sealed_ms=now, attempts=0, tallies=len(chosen),
            n=whole.n, first_ms=whole.first_ms, last_ms=whole.last_ms, severity=whole.severity,
            about=tuple(one.about for one in chosen[:MOST_ABOUT]), parts=whole.parts,
        )  # fmt: skip

    def digested(self, number: int, fate: Fate, now: int) -> bool:
        digest = self.sealed
        if digest is None or digest.number != number:
            return False
        if fate.kind == "retry":
            self.sealed = replace(digest, attempts=digest.attempts + 1)
            self.sealed_due_ms = now + fate.after_ms
            return True
        self.sealed = None
        self.told += digest.n if fate.kind == "delivered" else 0
        self.untold += digest.n if fate.kind == "dropped" else 0
        return True
