"""Every key name of the log and the state, in one place.

All keys of a partition carry its hash tag, the hub's `{p<partition>}`, so that they share one slot of a
Cluster. Scripts that go over all rows of a partition derive the rows' keys from `row_prefix` and the suffixes
below, inside the same slot.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["NAME_CHARS", "ROW_SUFFIXES", "PartitionKeys", "StateKeys", "check_name", "is_replay"]

NAME_CHARS = 200
_NAME = re.compile(r"[^\s:{}\x00-\x1f\x7f]+")

ROW_SUFFIXES = ("", ":q", ":retry", ":parked", ":gone", ":tally", ":lease")
"""What a row consists of: its hash, queue, retry set, parked hash, dropped ranges, tallies, lease."""


def check_name(name: str) -> str:
    """A connector's or lease's name as it may stand in a key.

    Raises `ValueError`.
    """
    if len(name) > NAME_CHARS or not _NAME.fullmatch(name):
        raise ValueError(
            f"the name {name!r} must have 1 to {NAME_CHARS} characters, none of them blank or : {{ }}"
        )
    return name


def is_replay(name: str) -> bool:
    """Whether a row is a replay's (`connector@job`): such a row gets references by `push`, not by routing."""
    return "@" in name


@dataclass(frozen=True, slots=True)
class PartitionKeys:
    """Keys of one partition's log. `family` keeps logs of different owners on one server apart."""

    partition: int
    family: str = "p"

    @property
    def prefix(self) -> str:
        return f"mxhub:{{{self.family}{self.partition}}}:"

    @property
    def head(self) -> str:
        """Hash: version, seq, routed, trim, gen, table, bytes, trimmed, seen, since, known_from, now; and of
        `rejoin`: runs, lost, believed.
        """
        return self.prefix + "head"

    @property
    def log(self) -> str:
        """Stream, id `<seq>-0`: u (uid), h (header), b (body), c (bytes recorded before this entry)."""
        return self.prefix + "log"

    @property
    def seen(self) -> tuple[str, str]:
        """The two rotating sets of ids; the head's field `seen` says which one is filled now."""
        return self.prefix + "seen:a", self.prefix + "seen:b"

    @property
    def cur(self) -> str:
        """Hash: source stream -> cursor."""
        return self.prefix + "cur"

    @property
    def rows(self) -> str:
        """Set of the names of all rows."""
        return self.prefix + "rows"

    @property
    def ready(self) -> str:
        """Sorted set: row -> wall clock from which it has something to do. Derived from the rows."""
        return self.prefix + "ready"

    @property
    def tables(self) -> str:
        """Hash: gen -> `<first seq>:<digest>:<deflated routes>`."""
        return self.prefix + "tables"

    @property
    def row_prefix(self) -> str:
        return self.prefix + "c:"

    def row(self, name: str) -> str:
        """Hash: start, matched, delivered, dropped, d:<reason>, tries, paused, blocked, stood, ..."""
        return self.row_prefix + check_name(name)

    def queue(self, name: str) -> str:
        """List of seqs, strictly ascending."""
        return self.row(name) + ":q"

    def lease(self, name: str) -> str:
        return self.row(name) + ":lease"

    def tally(self, name: str) -> str:
        """Hash: open tallies, the digest on its way, the number of the last one."""
        return self.row(name) + ":tally"

    def row_keys(self, name: str) -> tuple[str, ...]:
        """KEYS of every script about one row: ready, hash, queue, retry set, parked hash, dropped ranges."""
        return _row_keys(self, name)


@lru_cache(maxsize=10_000)
def _row_keys(keys: PartitionKeys, name: str) -> tuple[str, ...]:
    """Asked for with every step of every lane."""
    row = keys.row(name)
    return (keys.ready, *(row + suffix for suffix in ROW_SUFFIXES[:5]))


@dataclass(frozen=True, slots=True)
class StateKeys:
    """Keys of the small durable extras beside the log."""

    prefix: str = "mxhub:{state}:"

    @property
    def sources(self) -> str:
        """Set of the names of all sources with a status."""
        return self.prefix + "sources"

    def source(self, name: str) -> str:
        """Hash of one source's status."""
        return f"{self.prefix}source:{name}"

    @property
    def closed(self) -> str:
        """Set of the tenants of which nothing is taken in: they are being erased, or were."""
        return self.prefix + "closed"

    @property
    def counters(self) -> str:
        """Hash: counter -> value."""
        return self.prefix + "counters"

    @property
    def standing(self) -> str:
        """Hash: alarm -> since when it stands, for all processes."""
        return self.prefix + "standing"

    @property
    def polls(self) -> str:
        """Sorted set: stream -> wall clock of its next poll, or of the end of its claim."""
        return self.prefix + "polls"

    def bucket(self, name: str) -> str:
        """Hash of one token bucket: tokens, at, hold."""
        return f"{self.prefix}bucket:{name}"

    @property
    def documents(self) -> str:
        """Set of the names of all documents."""
        return self.prefix + "docs"

    @property
    def document_prefix(self) -> str:
        return self.prefix + "doc:"

    def document(self, name: str) -> str:
        """String, with a TTL where one was given."""
        return self.document_prefix + name
