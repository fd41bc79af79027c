"""A tenant leaves the archive: nothing of it is found, the rest is as before, and the chain holds."""

from pathlib import Path

import pytest

from hub.archive.base import ArchiveError, ErasureRecord, Owner
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive, rewrite
from hub.model.ids import uid_text
from tests.archive.sqlite.test_chain import tamper
from tests.factories.archives import entries, seqs
from tests.factories.events import NOW_MS, make_entry

ACME = Owner("acme")
ID = 1_700_000_000_123


def mixed(path: Path, **settings) -> tuple[SqliteArchive, list]:
    """Three files of ten, every third event of `acme`, a repeat of one of them and of another's."""
    archive = SqliteArchive(path, roll_events=10, keep_days=30, **settings)
    stored = [
        make_entry(entry.seq, tenant="acme" if entry.seq % 3 == 0 else "globex", time_ms=entry.header.time_ms)
        for entry in entries(30)
    ]
    stored[10] = make_entry(11, tenant="acme", uid=stored[2].uid)
    stored[21] = make_entry(22, tenant="globex", uid=stored[0].uid)
    for first in (0, 10, 20):
        archive.append(0, stored[first : first + 10])
    return archive, stored


def erase(archive: SqliteArchive, owner: Owner = ACME, erasure: int = ID, stop=lambda: False) -> int:
    erased = 0
    while (n := archive.erase_next(owner, erasure, now_ms=NOW_MS, stop=stop)) is not None:
        erased += n
    return erased


def bytes_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file())


@pytest.fixture
def archive(tmp_path):
    archive, _ = mixed(tmp_path)
    yield archive
    archive.close()


def test_nothing_of_the_tenant_is_left_and_the_rest_is_as_before(archive):
    before = [hit for hit in archive.iterate(Query()) if hit.seq % 3]
    erased = erase(archive)

    assert erased == 11  # ten events and a repeat of one
    assert archive.count(Query(tenant=("acme",))) == 0
    assert list(archive.iterate(Query())) == before
    assert [hit.uid for hit in archive.search(Query(limit=1000)).hits] == [
        hit.uid for hit in sorted(before, key=lambda hit: (hit.time_ms, hit.seq), reverse=True)
    ]
    assert archive.facets(Query(), "tenant") == [("globex", len(before))]
    assert sum(n for _, n in archive.histogram(Query(), 86_400_000)) == len(before)


def test_the_chain_holds_and_counts_the_erased(archive):
    erase(archive)

    checks = list(archive.verify_chain())
    assert [check.problem for check in checks] == [None] * len(checks)
    assert sum(check.erased for check in checks) == 11


def test_erased_records_are_known_as_such_and_are_no_hole(archive):
    erase(archive)

    assert archive.erased(0, range(1, 40)) == {*range(3, 31, 3), 11}
    assert archive.entries(0, [3, 11]) == {}
    assert archive.offset(0) == 30
    assert archive.oldest_seq(0) == 1


def test_a_repeat_of_anothers_event_stays(archive):
    first = archive.entries(0, [1])[1]
    erase(archive)

    assert archive.entries(0, [22])[22].uid == first.uid


def test_the_payload_is_gone_from_the_disk(tmp_path):
    marker = b"very-private-9f27"
    archive = SqliteArchive(tmp_path, roll_events=10)
    plain = [make_entry(n, tenant="globex") for n in range(1, 10)]
    secret = make_entry(10, tenant="acme", domain=marker.decode() + ".example", sender="x@" + marker.decode())
    archive.append(0, [*plain, secret])
    before = bytes_of(tmp_path)
    erase(archive)
    live = bytes_of(tmp_path)
    archive.close()

    assert marker in before
    assert marker not in live
    assert marker not in bytes_of(tmp_path)


def test_an_erased_id_that_comes_again_is_a_new_event(tmp_path):
    archive, stored = mixed(tmp_path)
    erase(archive)

    told = archive.append(0, [make_entry(31, tenant="acme", uid=stored[2].uid)])

    assert (told.stored, told.duplicate) == (1, 0)
    assert archive.get(uid_text(stored[2].uid)).seq == 31
    archive.close()


def test_what_is_appended_goes_on_after_an_erase(archive):
    erase(archive)
    archive.append(0, [make_entry(31, tenant="globex")])

    assert seqs(archive.iterate(Query(after_seq=29))) == [31]
    assert archive.offset(0) == 31


def test_a_second_erasure_keeps_the_first_ones_digests_apart(archive):
    erase(archive)
    first = archive.tombstones(ID)

    again = erase(archive, Owner("globex"), ID + 1)

    assert first[0] == 11
    assert archive.tombstones(ID) == first
    assert archive.tombstones(ID + 1)[0] == again == 19
    assert [check.problem for check in archive.verify_chain()] == [None] * len(list(archive.verify_chain()))


def test_a_source_that_is_kept_stays(tmp_path):
    archive = SqliteArchive(tmp_path)
    own, other = make_entry(1, tenant="acme", source="mxhub"), make_entry(2, tenant="acme")
    archive.append(0, [own, other])

    erase(archive, Owner("acme", ("mxhub",)))

    assert seqs(archive.iterate(Query())) == [1]
    archive.close()


def test_an_event_time_out_of_range_keeps_its_place(tmp_path):
    archive = SqliteArchive(tmp_path, keep_days=30)
    hostile = make_entry(1, tenant="globex", time_ms=-(2**70))
    archive.append(0, [hostile, make_entry(2, tenant="acme")])
    before = archive.search(Query()).hits[-1]

    erase(archive)

    assert archive.search(Query()).hits == [before]
    archive.close()


@pytest.mark.parametrize("dies_in", ["sync", "_forget_ids", "remove_file"])
def test_a_crash_in_between_leaves_all_or_nothing_and_the_next_start_goes_on(tmp_path, monkeypatch, dies_in):
    archive, _ = mixed(tmp_path)
    before = archive.count(Query())

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rewrite, dies_in, killed)
        with pytest.raises(KeyboardInterrupt):
            erase(archive)
    archive.close()

    archive = SqliteArchive(tmp_path, roll_events=10, keep_days=30)
    assert [check.problem for check in archive.verify_chain()] == [None] * len(list(archive.verify_chain()))
    assert archive.count(Query(tenant=("globex",))) == before - 10
    erase(archive)
    assert archive.count(Query()) == before - 10
    assert archive.tombstones(ID)[0] == 11
    names = {path.name for path in tmp_path.glob("events-*")} - {f"{n}{s}" for n in () for s in ()}
    assert not [name for name in names if ".new" in name]
    archive.close()


def test_without_a_catalogue_the_rewritten_file_is_believed(tmp_path):
    archive, _ = mixed(tmp_path)
    old = (tmp_path / "events-0-000000000001.db").read_bytes()
    erase(archive)
    archive.close()
    (tmp_path / "events-0-000000000001.db").write_bytes(old)
    for path in tmp_path.glob("catalogue.db*"):
        path.unlink()

    archive = SqliteArchive(tmp_path, roll_events=10)

    assert archive.count(Query(tenant=("acme",))) == 0
    assert not (tmp_path / "events-0-000000000001.db").exists()
    archive.close()


def test_a_catalogue_from_before_finds_the_file_of_after(tmp_path):
    archive, _ = mixed(tmp_path)
    archive.close()
    catalogue = (tmp_path / "catalogue.db").read_bytes()
    archive = SqliteArchive(tmp_path, roll_events=10)
    erase(archive)
    archive.close()
    for path in tmp_path.glob("catalogue.db*"):
        path.unlink()
    (tmp_path / "catalogue.db").write_bytes(catalogue)

    archive = SqliteArchive(tmp_path, roll_events=10)

    assert archive.count(Query()) == archive.count(Query(tenant=("globex",))) > 0
    archive.close()


def test_a_reader_of_another_process_goes_on_over_the_rewrite_and_lets_the_old_file_go(tmp_path):
    archive, _ = mixed(tmp_path)
    reader = SqliteArchive(tmp_path, read_only=True)
    hits = reader.iterate(Query(tenant=("globex",)))
    begun = [next(hits)]

    erase(archive)
    rest = list(hits)
    reader.prune()

    assert len(begun + rest) == archive.count(Query(tenant=("globex",)))
    assert reader.count(Query(tenant=("acme",))) == 0
    open_files = {session.file.name for session in reader._pool._idle.values()}
    assert all((tmp_path / name).exists() for name in open_files)
    reader.close()
    archive.close()


def test_a_file_that_somebody_changed_is_refused_and_left_as_it_is(tmp_path):
    archive, _ = mixed(tmp_path)
    archive.close()
    tamper(
        tmp_path, "events-0-000000000001.db", "UPDATE origins SET source = 'other' WHERE tenant = 'globex'"
    )
    archive = SqliteArchive(tmp_path, roll_events=10)

    with pytest.raises(ArchiveError, match="not as it was written"):
        erase(archive)

    assert archive.count(Query(tenant=("acme",))) == 10
    assert list(tmp_path.glob("*.new*")) == []
    archive.close()


def test_it_stops_when_it_is_told_and_leaves_nothing_half_done(archive, tmp_path):
    assert archive.erase_next(ACME, ID, now_ms=NOW_MS, stop=lambda: True) is None
    assert archive.count(Query(tenant=("acme",))) == 10
    assert list(tmp_path.glob("*.new*")) == []


def record(archive, number=ID, tenant="acme"):
    events, digest = archive.tombstones(number)
    return archive.keep_record(
        ErasureRecord(
            id=number, tenant=tenant, asked_by="ann", asked_ms=number, done_ms=number + 5, upto_seq=30,
            events=events, digest=digest, places={"queue:all": 3}, notes=("file f: 10 events",),
        )
    )  # fmt: skip


def test_records_are_a_chain_that_holds_and_are_kept_once(archive):
    erase(archive)
    first, again = record(archive), record(archive)
    erase(archive, Owner("globex"), ID + 1)
    second = record(archive, ID + 1, "globex")

    assert first == again
    assert second.previous == first.hash
    assert [check.problem for check in archive.erasures(check=True)] == [None, None]
    assert [check.record.tenant for check in archive.erasures()] == ["acme", "globex"]


def test_a_changed_record_and_a_missing_one_are_found(tmp_path):
    archive, _ = mixed(tmp_path)
    erase(archive)
    record(archive)
    erase(archive, Owner("globex"), ID + 1)
    record(archive, ID + 1, "globex")
    archive.close()
    tamper(
        tmp_path,
        "catalogue.db",
        "UPDATE erasures SET record = replace(record, 'ann', 'bob') WHERE id = ?",
        ID,
    )
    archive = SqliteArchive(tmp_path)
    changed = [check.problem for check in archive.erasures(check=True)]
    archive.close()
    tamper(tmp_path, "catalogue.db", "DELETE FROM erasures WHERE id = ?", ID)
    archive = SqliteArchive(tmp_path)

    assert changed == ["the record was changed", None]
    assert "does not follow" in archive.erasures(check=True)[0].problem
    archive.close()


def test_digests_that_are_not_there_any_more_are_said(tmp_path):
    archive, _ = mixed(tmp_path)
    erase(archive)
    record(archive)
    archive.close()
    (rewritten,) = tmp_path.glob("events-0-000000000011-r1.db")
    tamper(tmp_path, rewritten.name, "UPDATE erased SET digest = zeroblob(32) WHERE seq = 12")
    archive = SqliteArchive(tmp_path)

    (check,) = archive.erasures(check=True)

    assert "other ones" in check.problem
    archive.close()


def test_doomed_tells_what_routing_looks_at_by_table(archive):
    found = list(archive.doomed(ACME, [1, 16]))

    assert sum(len(one.seqs) for one in found) == 11
    groups = [(group[0], group[1], n) for one in found for group, n in one.groups.items()]
    assert {tenant for _, tenant, _ in groups} == {"acme"}
    assert {table: sum(n for t, _, n in groups if t == table) for table in (1, 2)} == {1: 5, 2: 5}


def test_what_retention_by_size_would_take_is_known_before(archive):
    assert archive.endangered(0, 10**12) == 0
    assert archive.endangered(0, 1) == 20
