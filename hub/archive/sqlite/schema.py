"""Tables of the three kinds of database, and how each is opened.

A *data file* holds a run of one partition's events and is the truth; `uids.db` (id -> place) is derived from
the data files; `catalogue.db` says which data files there are. All are in WAL mode, so that readers of other
processes never wait for the writer.
"""

import sqlite3
from pathlib import Path
from urllib.parse import quote

__all__ = [
    "CATALOGUE",
    "DATA",
    "ERASURES",
    "ERASURE_RECORDS",
    "SEQ_BITS",
    "STATE_VERSION",
    "UIDS",
    "connect_reader",
    "connect_writer",
    "place_of",
    "split_place",
]

STATE_VERSION = 1
"""Of the directory. A newer one is refused, an older one migrated (`hub.archive.sqlite.catalogue`)."""

SEQ_BITS = 18
"""Of a key. 250,000 records and one more batch fit; each bit more would cost some 5 bytes an event in the
index.
"""
_PLACE_BITS = 44
PAGE_BYTES = 4096

DATA = """
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 1), partition INTEGER NOT NULL, first_seq INTEGER NOT NULL,
  base_ms INTEGER NOT NULL, last_seq INTEGER NOT NULL, events INTEGER NOT NULL, min_ms INTEGER, max_ms
  INTEGER, min_recorded INTEGER, max_recorded INTEGER, dictionary INTEGER NOT NULL, previous_chain BLOB NOT
  NULL, chain BLOB NOT NULL); CREATE TABLE origins(id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, source TEXT
  NOT NULL); CREATE TABLE kinds( id INTEGER PRIMARY KEY, class INTEGER NOT NULL, code TEXT NOT NULL, severity
  INTEGER NOT NULL, disposition TEXT NOT NULL); CREATE TABLE domains(id INTEGER PRIMARY KEY, domain TEXT NOT
  NULL UNIQUE); CREATE TABLE events( key INTEGER PRIMARY KEY, uid BLOB NOT NULL, origin INTEGER NOT NULL, kind
  INTEGER NOT NULL, domain INTEGER NOT NULL, lag_ms INTEGER NOT NULL, said_ms INTEGER, sender TEXT NOT NULL,
  recipients TEXT NOT NULL); CREATE TABLE bodies(seq INTEGER PRIMARY KEY, since_base_ms INTEGER NOT NULL, body
  BLOB NOT NULL); CREATE TABLE repeats(seq INTEGER PRIMARY KEY, original INTEGER NOT NULL, copy BLOB); CREATE
  TABLE erased(seq INTEGER PRIMARY KEY, digest BLOB NOT NULL); CREATE TABLE daily(origin INTEGER, day INTEGER,
  kind INTEGER, events INTEGER NOT NULL, PRIMARY KEY(origin, day, kind)) WITHOUT ROWID; CREATE TABLE
  daily_origins(origin INTEGER, day INTEGER, events INTEGER NOT NULL, PRIMARY KEY(origin, day)) WITHOUT ROWID;
  CREATE TABLE daily_kinds(kind INTEGER, day INTEGER, events INTEGER NOT NULL, PRIMARY KEY(kind, day)) WITHOUT
  ROWID; CREATE TABLE totals(origin INTEGER, kind INTEGER, events INTEGER NOT NULL, PRIMARY KEY(origin, kind))
  WITHOUT ROWID; CREATE VIRTUAL TABLE terms USING fts5( text, subject, keys, content='', columnsize=0,
  detail=full, tokenize='ascii'); INSERT INTO terms(terms, rank) VALUES('automerge', 8); INSERT INTO
  terms(terms, rank) VALUES('hashsize', 16777216);
"""
"""A key is (event time - base) << 18 | (seq - first seq), see `DataFile.key`. `events` is narrow, so that
counting reads little; `bodies` is in record order, for feeds, replay and the chain. `lag_ms` is recorded
minus event time (clamped); `said_ms` is set only where the clamped time is not what the vendor said (the
flag). An origin is a tenant's source; a kind is what comes again and again together (class, code, severity,
disposition): two small numbers instead of six columns, six index terms and six roll-ups. `daily*` and
`totals` are the roll-ups.
"""

ERASURES = "CREATE TABLE IF NOT EXISTS erasures(seq INTEGER PRIMARY KEY, id INTEGER NOT NULL)"
"""Of a data file that was rewritten: to which erasure a digest in `erased` belongs."""

ERASURE_RECORDS = """CREATE TABLE IF NOT EXISTS erasures(
  id INTEGER PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID"""
"""Of the catalogue: what is on record of each erasure, oldest first."""

UIDS = """
CREATE TABLE uids(uid BLOB PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE progress(partition INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
"""

CATALOGUE = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE files(
  partition INTEGER NOT NULL, first_seq INTEGER NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
  base_ms INTEGER NOT NULL, last_seq INTEGER, events INTEGER, min_ms INTEGER, max_ms INTEGER, min_recorded
  INTEGER, max_recorded INTEGER, chain BLOB, PRIMARY KEY(partition, first_seq)) WITHOUT ROWID; CREATE TABLE
  gaps( partition INTEGER NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, reason TEXT NOT NULL,
  events INTEGER NOT NULL, min_ms INTEGER, max_ms INTEGER, min_recorded INTEGER, max_recorded INTEGER, chain
  BLOB, dropped_ms INTEGER NOT NULL, PRIMARY KEY(partition, from_seq)) WITHOUT ROWID;
"""


def place_of(partition: int, seq: int) -> int:
    """Partition and seq as one number, ordered by both."""
    return partition << _PLACE_BITS | seq


def split_place(place: int) -> tuple[int, int]:
    """`(partition, seq)` of a place."""
    return place >> _PLACE_BITS, place & (1 << _PLACE_BITS) - 1


def connect_writer(path: Path, script: str, *, cache_kib: int, synchronous: str) -> sqlite3.Connection:
    """Open for writing; where there is no file one is made with the tables of `script`, in one transaction.

    An empty `script` never makes a file: `sqlite3.OperationalError`.
    SECURE_DELETE is a build default on Debian and would zero every page that an index merge frees: bodies are
    erased by rewriting a file, so it is off.
    """
    uri = f"file:{quote(str(path))}?mode={'rwc' if script else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    connection.execute("PRAGMA journal_size_limit=33554432")
    connection.execute("PRAGMA temp_store=MEMORY")
    if script and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")
    return connection


def connect_reader(path: Path, *, cache_kib: int = 2048) -> sqlite3.Connection:
    """Open for reading; usable from any one thread at a time. Raises `sqlite3.OperationalError` when there is
    no file.
    """
    uri = f"file:{quote(str(path))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA query_only=ON")
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    return connection
