"""Entries made ready for a data file: pure computing, before any transaction."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hub.archive.extract import Facts, extract
from hub.archive.sqlite.catalogue import DataFile
from hub.archive.sqlite.chain import event_digest, extend, repeat_digest
from hub.archive.sqlite.keys import domain_key, kind_key, origin_key, whole_key
from hub.archive.sqlite.names import Names
from hub.archive.sqlite.schema import place_of
from hub.archive.words import searchable
from hub.model.event import Entry, Header

__all__ = ["DAY_MS", "Batch", "bounded"]

DAY_MS = 86_400_000
_INT64 = 2**63 - 1
_MAX_TIME_MS = 2**43 - 1
"""Year 2248: what fits a key."""


def bounded(entry: Entry) -> Entry:
    """The same entry with numbers that fit, texts that are Unicode and the domain in lower case.

    A mapper's slip must not stop the archive.
    """
    h = entry.header
    texts = (h.tenant, h.source, h.code, h.domain)
    numbers = (h.time_ms, h.class_uid, h.severity)
    fit = min(numbers) >= -_INT64 and max(numbers) <= _INT64 and 0 <= h.recorded_ms <= _MAX_TIME_MS
    if fit and "".join(texts).isascii() and h.domain == h.domain.lower():
        return entry
    tenant, source, code, domain = (text.encode("utf-8", "replace").decode() for text in texts)
    time_ms, class_uid, severity = (max(-_INT64, min(_INT64, number)) for number in numbers)
    recorded_ms = max(0, min(_MAX_TIME_MS, h.recorded_ms))
    header = Header(tenant, source, class_uid, code, severity, domain.lower(), time_ms, recorded_ms)
    return Entry(entry.seq, entry.uid, header, entry.body)


@dataclass(slots=True)
class Batch:
    """Rows of one append to one file."""

    file: DataFile
    names: Names
    pack: Callable[[bytes], bytes]
    keep_ms: int | None
    chain: bytes
    events: list[tuple[object, ...]] = field(default_factory=list)
    bodies: list[tuple[int, int, bytes]] = field(default_factory=list)
    terms: list[tuple[int, str, str, str]] = field(default_factory=list)
    repeats: list[tuple[int, int]] = field(default_factory=list)
    erased: list[tuple[int, bytes, int]] = field(default_factory=list)
    """(seq, digest, erasure) of what left only its digest; when a file is rewritten."""
    rollup: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    """(origin, day, kind) -> events."""
    places: dict[bytes, int] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    recorded: list[int] = field(default_factory=list)
    last_seq: int = 0

    def repeat(self, seq: int, original: int) -> None:
        """A seq whose id is already stored at the place `original`."""
        self.repeats.append((seq, original))
        self.chain = extend(self.chain, iter((repeat_digest(seq, original),)))
        self.last_seq = seq

    def erase(self, seq: int, digest: bytes, erasure: int) -> None:
        """A seq of which only the digest stays."""
        self.erased.append((seq, digest, erasure))
        self.chain = extend(self.chain, iter((digest,)))
        self.last_seq = seq

    def add(self, entry: Entry, clamped_ms: int | None = None) -> None:
        """A new event; `clamped_ms` is given for one that was stored before."""
        header, seq = entry.header, entry.seq
        facts = extract(entry.body)
        time_ms = self._clamped(header) if clamped_ms is None else clamped_ms
        key = self.file.key(time_ms, seq)
        origin = self.names.origin(header.tenant, header.source)
        kind = self.names.kind(header.class_uid, header.code, header.severity, facts.disposition)
        domain = self.names.domain(header.domain)
        said = None if time_ms == header.time_ms else header.time_ms
        lag_ms = header.recorded_ms - time_ms
        recipients = "\n".join(facts.recipients)
        self.events.append((key, entry.uid, origin, kind, domain, lag_ms, said, facts.sender, recipients))
        self.bodies.append((seq, time_ms - self.file.base_ms, self.pack(entry.body)))
        self.terms.append((key, *_text(header, facts), _keys(origin, kind, domain, facts)))
        self.rollup[origin, time_ms // DAY_MS, kind] += 1
        self.places[entry.uid] = place_of(self.file.partition, seq)
        self.times.append(time_ms)
        self.recorded.append(header.recorded_ms)
        self.chain = extend(self.chain, iter((event_digest(entry),)))
        self.last_seq = seq

    def _clamped(self, header: Header) -> int:
        """Event time within [recorded - retention, recorded + 1 day]."""
        lowest = 0 if self.keep_ms is None else max(0, header.recorded_ms - self.keep_ms)
        return min(max(header.time_ms, lowest), header.recorded_ms + DAY_MS, _MAX_TIME_MS)


def _keys(origin: int, kind: int, domain: int, facts: Facts) -> str:
    keys = [origin_key(origin), kind_key(kind), domain_key(domain)]
    keys.extend(map(whole_key, facts.wholes))
    return " ".join(keys)


def _text(header: Header, facts: Facts) -> tuple[str, str]:
    """The columns `text` and `subject` of the index."""
    text = f"{facts.text} {header.domain}" if header.domain not in facts.text else facts.text
    return searchable(text), searchable(facts.subject)
