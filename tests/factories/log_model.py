"""What the log promises, as plain Python: the model that the scripts are held against.

Time, order and compare-and-set are here as `hub.store.base` words them; nothing is taken from the scripts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.store.base import Fate, RetryRef, Stale, Tally
from tests.factories.tally_model import TalliesModel

__all__ = ["KILLER", "LogModel", "RowModel"]

KILLER = "killer"
"""Stands for whatever reason a parked killer event gets."""
ALONE_AFTER, PARKED_AFTER = 3, 6


@dataclass
class Looks:
    """How often the same head was looked at without an outcome."""

    head: Any = None
    count: int = 0

    def again(self, head: Any) -> int:
        self.count = self.count + 1 if head == self.head else 1
        self.head = head
        return self.count

    def clear(self) -> None:
        self.head, self.count = None, 0


@dataclass
class RowModel:
    start: int
    replay: bool = False
    was: str | None = None
    matched: set[int] = field(default_factory=set)
    queue: list[int] = field(default_factory=list)
    retry: dict[tuple[int, int, int, bool], int] = field(default_factory=dict)
    """(seq, attempts, first_ms, unparked) -> due on the row's own clock."""
    parked: dict[int, tuple[str, int]] = field(default_factory=dict)
    dropped: dict[int, str] = field(default_factory=dict)
    delivered: set[int] = field(default_factory=set)
    paused_ms: int | None = None
    blocked: str | None = None
    blocked_ms: int = 0
    probe_ms: int = 0
    stood_ms: int = 0
    looks: Looks = field(default_factory=Looks)
    retry_looks: Looks = field(default_factory=Looks)
    tallies: TalliesModel = field(default_factory=TalliesModel)

    # -- the connector's own clock ---------------------------------------------------------------------------
    def clock(self, now: int) -> int:
        return (now if self.blocked is None else min(now, self.blocked_ms)) - self.stood_ms

    def end_block(self, now: int) -> bool:
        was = self.blocked is not None
        if was:
            self.stood_ms += now - self.blocked_ms
            self.blocked = None
        self.clear()
        return was

    def clear(self) -> None:
        self.looks.clear()
        self.retry_looks.clear()

    def ready_at(self) -> int | None:
        """Wall clock from which there is something to do; `None` for never."""
        digest = self.tallies.due_ms()
        if self.paused_ms is not None or not (self.queue or self.retry or digest is not None):
            return None
        if self.blocked is not None:
            only = 0 if self.queue or self.retry else digest or 0
            return max(self.probe_ms, only)
        if self.queue:
            return 0
        retry = [min(self.retry.values()) + self.stood_ms] if self.retry else []
        return min(retry + ([] if digest is None else [digest]))

    # -- looking ---------------------------------------------------------------------------------------------
    def peek(self, n: int) -> tuple[tuple[int, ...], int]:
        if self.paused_ms is not None or not self.queue:
            return (), 0
        count, parked = self.looks.again(self.queue[0]), 0
        if count > PARKED_AFTER:
            self.parked[self.queue.pop(0)] = (KILLER, PARKED_AFTER)
            parked = count = 1
            self.looks.clear()
            if self.queue:
                self.looks.again(self.queue[0])
        return tuple(self.queue[: 1 if count > ALONE_AFTER else n]), parked

    def due(self, n: int, now: int) -> list[RetryRef]:
        if self.paused_ms is not None:
            return []
        order = sorted(self.retry, key=lambda key: (self.retry[key], ":".join(map(str, key))))
        found = [key for key in order if self.retry[key] <= self.clock(now)]
        if not found and self.blocked is not None and now >= self.probe_ms and not self.queue:
            found = order[:1]
        if not found:
            return []
        count = self.retry_looks.again(found[0])
        if count > PARKED_AFTER:
            killer = found.pop(0)
            del self.retry[killer]
            self.parked[killer[0]] = (KILLER, killer[1] + PARKED_AFTER)
            count = 1
            self.retry_looks.clear()
            if found:
                self.retry_looks.again(found[0])
        return [RetryRef(*key) for key in found[: 1 if count > ALONE_AFTER else n]]

    # -- outcomes --------------------------------------------------------------------------------------------
    def settle(self, refs: list[int], fates: list[Fate], now: int, tallies: Sequence[Tally] = ()) -> None:
        if self.queue[: len(refs)] != refs:
            raise Stale
        del self.queue[: len(refs)]
        for seq, fate in zip(refs, fates, strict=True):
            self.give(seq, 0, self.clock(now), fate, now)
        self.tallies.add(tallies)
        self.clear()

    def give(self, seq: int, attempts: int, first: int, fate: Fate, now: int, *, mark: bool = False) -> None:
        match fate.kind:
            case "delivered":
                self.delivered.add(seq)
            case "retry":
                self.retry[(seq, attempts + 1, first, mark)] = self.clock(now) + fate.after_ms
            case "postponed":
                self.retry[(seq, attempts, first, mark)] = self.clock(now)
            case "parked":
                self.parked[seq] = (fate.reason, attempts + 1)
            case "dropped":
                self.dropped[seq] = fate.reason

    def retried(self, settled: list[tuple[RetryRef, Fate]], now: int, tallies: Mapping[int, Tally]) -> int:
        counted = 0
        for ref, fate in settled:
            if self.retry.pop((ref.seq, ref.attempts, ref.first_ms, ref.unparked), None) is not None:
                self.give(ref.seq, ref.attempts, ref.first_ms, fate, now, mark=ref.unparked)
                self.tallies.add([tallies[ref.seq]] if ref.seq in tallies else [])
                counted += 1
        if counted:
            self.clear()
        return counted

    def unpark(self, seqs: list[int], now: int) -> int:
        there = [seq for seq in dict.fromkeys(seqs) if self.parked.pop(seq, None) is not None]
        for seq in there:
            self.retry[(seq, 0, self.clock(now), True)] = self.clock(now)
        return len(there)

    def drop(self, seqs: list[int], reason: str) -> int:
        there = [seq for seq in dict.fromkeys(seqs) if self.parked.pop(seq, None) is not None]
        self.dropped |= dict.fromkeys(there, reason)
        return len(there)

    def expire(self, upto: int, reason: str) -> int:
        gone = [seq for seq in self.queue if seq <= upto] + [seq for seq in self.parked if seq <= upto]
        retries = [key for key in self.retry if key[0] <= upto]
        self.queue = [seq for seq in self.queue if seq > upto]
        self.parked = {seq: value for seq, value in self.parked.items() if seq > upto}
        for key in retries:
            del self.retry[key]
        self.dropped |= dict.fromkeys([*gone, *(key[0] for key in retries)], reason)
        return len(gone) + len(retries)

    def strike(self, seqs: set[int], reason: str) -> int:
        gone = [seq for seq in (*self.queue, *self.parked) if seq in seqs]
        retries = [key for key in self.retry if key[0] in seqs]
        self.queue = [seq for seq in self.queue if seq not in seqs]
        self.parked = {seq: value for seq, value in self.parked.items() if seq not in seqs}
        for key in retries:
            del self.retry[key]
        if retries:
            self.clear()
        self.dropped |= dict.fromkeys([*gone, *(key[0] for key in retries)], reason)
        return len(gone) + len(retries)

    def fate(self, seq: int) -> str | None:
        """As `fates` tells it; `None` for an event that is none of this row's."""
        if seq in self.queue:
            return "pending"
        if any(key[0] == seq for key in self.retry):
            return "retrying"
        if seq in self.parked:
            return f"parked: {self.parked[seq][0]}"
        if seq in self.dropped:
            return f"dropped: {self.dropped[seq]}"
        return "delivered" if seq in self.delivered else None


@dataclass
class LogModel:
    uids: list[int] = field(default_factory=list)
    """The uid of seq 1, 2, ..."""
    routed: int = 0
    trim: int = 0
    gen: int = 0
    table: dict[str, list[int]] | None = None
    cursors: dict[str, str] = field(default_factory=dict)
    rows: dict[str, RowModel] = field(default_factory=dict)

    @property
    def seq(self) -> int:
        return len(self.uids)

    def publish(self, table: dict[str, list[int]], names: list[str]) -> int:
        new = [name for name in sorted({*names, *table}) if name not in self.rows]
        if new or self.table is None or list(table.items()) != list(self.table.items()):
            self.gen += 1
        self.rows |= {name: RowModel(self.routed) for name in new}
        self.table = dict(table)
        return self.gen

    def add(self, name: str) -> None:
        if name not in self.rows:
            self.rows[name] = RowModel(self.routed, replay="@" in name)
            self.gen += "@" not in name

    def route(self, frm: int, to: int, gen: int, refs: dict[str, list[int]]) -> None:
        if (frm, gen) != (self.routed, self.gen):
            raise Stale
        for name, seqs in refs.items():
            self.rows[name].queue += seqs
            self.rows[name].matched |= set(seqs)
        self.routed = to

    def push(self, name: str, refs: list[int]) -> None:
        if name not in self.rows and name.partition("@")[0] not in self.rows:
            raise Stale
        row = self.rows.setdefault(name, RowModel(0, replay=True))
        new = [seq for seq in refs if seq > max(row.matched, default=0)]
        row.queue += new
        row.matched |= set(new)

    def forget(self, name: str) -> None:
        if name in self.rows:
            self.gen += 1
            self.table = (
                {n: rule for n, rule in self.table.items() if n != name} if self.table else self.table
            )
            self.rows = {n: row for n, row in self.rows.items() if n != name and not n.startswith(name + "@")}

    def rename(self, old: str, new: str) -> None:
        if new in self.rows:
            if old in self.rows or self.rows[new].was != old:
                raise ValueError
            return
        if old not in self.rows:
            raise Stale
        moves = {n: new + n[len(old) :] for n in self.rows if n == old or n.startswith(old + "@")}
        if self.rows.keys() & set(moves.values()):
            raise ValueError
        self.gen += 1
        self.table = self.table and {new if n == old else n: rule for n, rule in self.table.items()}
        for name, target in moves.items():
            self.rows[target] = self.rows.pop(name)
        self.rows[new].was = old
