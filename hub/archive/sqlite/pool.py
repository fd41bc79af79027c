"""Reading connections to data files, kept for the next reader: opening one costs more than most questions."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from hub.archive.base import ArchiveError, Hit
from hub.archive.extract import extract, message_id_form
from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.codec import unpack
from hub.archive.sqlite.failure import translated
from hub.archive.sqlite.schema import connect_reader
from hub.model.event import Entry, Header

__all__ = ["ENTRY_COLUMNS", "HIT_COLUMNS", "Gone", "Pool", "Session"]

IDLE_CONNECTIONS = 12
HIT_COLUMNS = "e.key, e.uid, e.lag_ms, b.body"
ENTRY_COLUMNS = f"{HIT_COLUMNS}, e.origin, e.kind, e.domain, e.said_ms"

_RANGES = ("last_seq", "events", "min_ms", "max_ms", "min_recorded", "max_recorded", "chain")
_NAMES = {
    "origins": "SELECT id, tenant, source FROM origins",
    "kinds": "SELECT id, class, code, severity, disposition FROM kinds",
    "domains": "SELECT id, domain FROM domains",
}


_TRIES = 3


class Gone(Exception):
    """Retention dropped the file meanwhile."""


class Session:
    """One connection to one data file, used by one thread at a time."""

    def __init__(self, path: Path, file: DataFile) -> None:
        self.connection = connect_reader(path)
        self.connection.create_function("message_id_of", 1, self._message_id, deterministic=True)
        self.connection.create_function("fold", 1, str.casefold, deterministic=True)
        self.file = file
        self._dictionary: int = self.connection.execute("SELECT dictionary FROM state").fetchone()[0]
        self._names: dict[str, dict[int, tuple[Any, ...]]] = {}

    def refresh(self, file: DataFile) -> None:
        """Learn the ranges: the catalogue's for a sealed file, the file's own for the open one."""
        if file.sealed:
            self.file = file
            return
        row = self.connection.execute(f"SELECT {', '.join(_RANGES)} FROM state").fetchone()
        self.file = replace(file, **dict(zip(_RANGES, row, strict=True)))

    def name(self, table: str, number: int) -> tuple[Any, ...]:
        """What a number of `origins`, `kinds` or `domains` stands for."""
        known = self._names.get(table)
        if known is None or number not in known:
            known = self._names[table] = {row[0]: row[1:] for row in self.connection.execute(_NAMES[table])}
        return known[number]

    def hit(self, row: tuple[Any, ...]) -> Hit:
        """From a row that begins with `HIT_COLUMNS`."""
        key, uid, lag_ms, packed, *_ = row
        time_ms = self.file.time_ms(key)
        body = unpack(self._dictionary, packed)
        return Hit(self.file.partition, self.file.seq(key), uid.hex(), time_ms, time_ms + lag_ms, body)

    def entry(self, row: tuple[Any, ...]) -> Entry:
        """From a row of `ENTRY_COLUMNS`."""
        hit = self.hit(row)
        origin, kind, domain, said_ms = row[4:]
        tenant, source = self.name("origins", origin)
        class_uid, code, severity, _ = self.name("kinds", kind)
        (domain_name,) = self.name("domains", domain)
        time_ms = hit.time_ms if said_ms is None else said_ms
        header = Header(tenant, source, class_uid, code, severity, domain_name, time_ms, hit.recorded_ms)
        return Entry(hit.seq, bytes.fromhex(hit.uid), header, hit.body)

    def _message_id(self, packed: bytes) -> str:
        return message_id_form(extract(unpack(self._dictionary, packed)).message_id)


class Pool:
    """Sessions by file, at most `IDLE_CONNECTIONS` unused ones. Thread-safe."""

    def __init__(self, directory: Path, catalogue: Catalogue) -> None:
        self._directory = directory
        self._catalogue = catalogue
        self._lock = Lock()
        self._idle: OrderedDict[int, Session] = OrderedDict()
        self._closed = False
        self._known: tuple[DataFile, ...] = ()
        self._by_range: dict[tuple[int, int], DataFile] = {}

    @contextmanager
    def session(self, file: DataFile) -> Iterator[Session]:
        """A session of `file` with its ranges as of now. Raises `Gone`, `ArchiveError`."""
        file = self._replaced(file)
        session = self._take(file) or self._open(file)
        try:
            with translated(self._directory / file.name, "read"):
                session.refresh(file if session.file.name == file.name else session.file)
                yield session
        except GeneratorExit:  # a search that has enough is closed in mid-row
            self._give(session)
            raise
        except BaseException:
            session.connection.close()
            raise
        self._give(session)

    def current(self, files: Iterable[DataFile]) -> Iterator[DataFile]:
        """The files with their ranges as of now; a dropped one is left out."""
        for file in files:
            if file.sealed:
                yield file
                continue
            try:
                with self.session(file) as session:
                    found = session.file
            except Gone:
                continue
            yield found

    def _take(self, file: DataFile) -> Session | None:
        with self._lock:
            found = next((s for s in self._idle.values() if s.file.name == file.name), None)
            if found is not None:
                del self._idle[id(found)]
            return found

    def _replaced(self, file: DataFile) -> DataFile:
        """The file of this range as it is now: an erasure rewrites a file under a new name, same keys."""
        files = self._catalogue.all_files()
        if files is not self._known:
            self._by_range = {(f.partition, f.first_seq): f for f in files if f.status != "dropping"}
            self._known = files
        now = self._by_range.get((file.partition, file.first_seq))
        return file if now is None or now.name == file.name else now

    def _open(self, file: DataFile, tries: int = _TRIES) -> Session:
        path = self._directory / file.name
        try:
            with translated(path, "read"):
                return Session(path, file)
        except ArchiveError:
            now = self._replaced(file)
            if now.name != file.name and tries:
                return self._open(now, tries - 1)
            if all(known.name != file.name for known in self._catalogue.files()):
                raise Gone(file.name) from None
            raise

    def prune(self) -> None:
        """Close idle sessions of files that are not part of the archive any more."""
        names = {file.name for file in self._catalogue.files()}
        with self._lock:
            gone = [key for key, session in self._idle.items() if session.file.name not in names]
            old = [self._idle.pop(key) for key in gone]
        for session in old:
            session.connection.close()

    def _give(self, session: Session) -> None:
        with self._lock:
            self._idle[id(session)] = session
            surplus = []
            while len(self._idle) > (0 if self._closed else IDLE_CONNECTIONS):
                surplus.append(self._idle.popitem(last=False)[1])
        for old in surplus:
            old.connection.close()

    def forget(self, file: DataFile) -> None:
        """Close idle sessions of a file that is being dropped."""
        while (session := self._take(file)) is not None:
            session.connection.close()

    def close(self) -> None:
        """Close what is idle; what is in use closes when it is given back."""
        with self._lock:
            self._closed = True
            idle = list(self._idle.values())
            self._idle.clear()
        for session in idle:
            session.connection.close()
