"""One chain, looked at entry by entry, in the order of its numbers. Pure: rows come in, findings come out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.audit.chain import Chain
from core.audit.finding import Finding, Kind

__all__ = ["Head", "Start", "Walk"]

_MAX_TRIED = 200
"""Of damaged entries, and of places that an entry could come from: each is tried with each."""

Row = Mapping[Any, Any]


class Head(NamedTuple):
    """Where the database says that the chain ends."""

    seq: int
    hash: str


class Start(NamedTuple):
    """What retention or an erasure removed, by an entry that says so: up to `seq`, which had this hash."""

    seq: int = 0
    hash: str = ""


@dataclass(slots=True)
class Walk:
    """`take` every row, then `findings`. Memory is bounded, however many rows or findings there are."""

    chain: Chain
    tenant: str
    head: Head | None
    anchored: Mapping[int, str]
    start: Start
    _expected: int = 0
    _last: str | None = None
    """The hash that the next entry must follow; `None` where that is not known."""
    _suspects: list[Row] = field(default_factory=list)
    _gaps: list[tuple[int, int]] = field(default_factory=list)
    _found: list[Finding] = field(default_factory=list)
    _rows: int = 0

    def take(self, row: Row) -> None:
        """The next row, by number."""
        self._rows += 1
        if not isinstance(row["seq"], int):
            self._add("edited", 0, 0, f"an entry whose number is {str(row['seq'])[:40]!r}")
            return
        if self._expected == 0:
            self._begin(row["seq"])
        seq, holds = row["seq"], self.chain.holds(row)
        if not holds:
            self._suspects.append(row)
            if seq < self._expected or (self.head is not None and seq > self.head.seq):
                return  # it does not belong here: what it hides shows elsewhere
        if seq > self._expected:
            self._gaps.append((self._expected, seq - 1))
            self._last = None
        if holds:
            self._compare(row)
        self._expected, self._last = seq + 1, row["hash"] if holds else None

    def findings(self) -> Iterator[Finding]:
        """After the last row."""
        if self._expected == 0:
            self._begin(self.start.seq + 1)
        self._end()
        moved = self._moved()
        for row in self._suspects:
            seq = row["seq"]
            if seq in moved:
                yield self._finding("reordered", seq, seq, f"entry {moved[seq]} stands here")
            else:
                yield self._finding("edited", seq, seq, "its seal does not hold")
        yield from self._missing(set(moved.values()))
        yield from self._found

    def _begin(self, first: int) -> None:
        """Entries that should be gone and are not are taken as they come."""
        self._expected = self.start.seq + 1
        self._last = self.start.hash
        if 1 <= first <= self.start.seq:
            self._expected, self._last = first, "" if first == 1 else None

    def _compare(self, row: Row) -> None:
        seq = row["seq"]
        if self._last is not None and row["prev_hash"] != self._last:
            self._add("forked", seq, seq, "it holds, but follows another entry than the one before it")
        if self.anchored.get(seq, row["hash"]) != row["hash"]:
            self._add("forked", seq, seq, "it holds, but is not the one that was anchored")

    def _end(self) -> None:
        """Compare with what the head and the anchors say of the end."""
        last = self._expected - 1
        anchored = max(self.anchored, default=0)
        if self.head is None:
            if self._rows:
                self._add("head", 0, 0, "the row of audit_heads is missing")
        elif self.head.seq > last:
            self._gaps.append((last + 1, max(self.head.seq, anchored)))
            return
        elif self.head.seq < last or self._last not in {None, self.head.hash}:
            self._add("head", last, last, f"the row of audit_heads says {self.head.seq}, or another hash")
        if anchored > last:
            self._add(
                "truncated", last + 1, anchored, f"the chain was anchored at {anchored}, it ends at {last}"
            )

    def _moved(self) -> dict[int, int]:
        """Where an entry stands -> where it stood: entries that hold under another number."""
        missing = (
            seq for first, last in self._gaps for seq in range(first, min(last, first + _MAX_TRIED) + 1)
        )
        suspects = self._suspects[:_MAX_TRIED]
        places = [row["seq"] for row in suspects]
        places += [seq for _, seq in zip(range(_MAX_TRIED), missing, strict=False)]
        moved: dict[int, int] = {}
        for row in suspects:
            for seq in places:
                if seq != row["seq"] and self.chain.holds(row, seq=seq):
                    moved[row["seq"]] = seq
                    break
        return moved

    def _missing(self, explained: set[int]) -> Iterator[Finding]:
        for first, last in self._gaps:
            for begin, end in _without(first, last, sorted(explained)):
                count = end - begin + 1
                yield self._finding("removed", begin, end, f"{count} missing")

    def _add(self, kind: Kind, first: int, last: int, what: str) -> None:
        self._found.append(self._finding(kind, first, last, what))

    def _finding(self, kind: Kind, first: int, last: int, what: str) -> Finding:
        return Finding(kind, self.tenant, first, last, what)


def _without(first: int, last: int, holes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The range without some numbers, as ranges."""
    for hole in holes:
        if first <= hole <= last:
            if hole > first:
                yield first, hole - 1
            first = hole + 1
    if first <= last:
        yield first, last
