import pytest
from sqlalchemy import text

from core.audit.anchoring import Anchoring
from core.audit.anchors import Anchor, Anchors
from core.audit.verify import verify
from tests.factories.audit import KEY, chain, change, cut, edit, unguard, write
from tests.factories.core import NOW_MS

CHAIN = chain()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "anchors"


def anchor(seq, tenant="acme"):
    return Anchor(tenant, seq, f"{seq:064}", NOW_MS)


def file_of(folder):
    return next(iter(folder.glob("anchors-*")))


def rewrite(folder, change_lines):
    path = file_of(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change_lines(lines)))


def test_what_was_written_is_read_and_goes_on_after_a_restart(folder):
    Anchors(folder, KEY).write([anchor(1), anchor(4, "globex")])
    Anchors(folder, KEY).write([anchor(9)])

    found = Anchors(folder, KEY).read()
    assert found.flaws == []
    assert found.anchors == {"acme": {1: f"{1:064}", 9: f"{9:064}"}, "globex": {4: f"{4:064}"}}
    assert {name: one.seq for name, one in Anchors(folder, KEY).heads().items()} == {"acme": 9, "globex": 4}


def test_only_their_owner_can_read_the_files(folder):
    Anchors(folder, KEY).write([anchor(1)])

    assert [path.stat().st_mode & 0o777 for path in (folder, file_of(folder))] == [0o700, 0o600]


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (lambda lines: [lines[0], lines[1].replace(b'"s":2', b'"s":7'), *lines[2:]], 2),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:2], b"\xff\xfe not ours\n", *lines[2:]], 3),
    ],
)
def test_any_change_of_the_files_is_found_at_its_line(folder, tamper, line):
    Anchors(folder, KEY).write([anchor(seq) for seq in range(1, 5)])
    rewrite(folder, tamper)

    flaws = Anchors(folder, KEY).read().flaws
    assert (flaws[0].file, flaws[0].line) == ("anchors-00000001.ndjson", line)


def test_a_last_line_that_a_crash_left_unfinished_is_cut_off(folder):
    Anchors(folder, KEY).write([anchor(1), anchor(2)])
    path = file_of(folder)
    path.write_bytes(path.read_bytes()[:-10])

    Anchors(folder, KEY).write([anchor(3)])

    found = Anchors(folder, KEY).read()
    assert found.flaws == []
    assert sorted(found.anchors["acme"]) == [1, 3]


def test_a_large_file_is_followed_by_one_that_begins_with_every_chain(folder):
    anchors = Anchors(folder, KEY, max_bytes=2000)
    anchors.write([anchor(5, "globex")])
    for seq in range(1, 60):
        anchors.write([anchor(seq)])

    names = sorted(path.name for path in folder.iterdir())
    found = Anchors(folder, KEY).read()
    assert len(names) == 2
    assert names[0] != "anchors-00000001.ndjson"
    assert found.flaws == []
    assert {name: one.seq for name, one in found.newest().items()} == {"acme": 59, "globex": 5}


def test_a_missing_file_between_is_found(folder):
    anchors = Anchors(folder, KEY, max_bytes=1)
    anchors.write([anchor(1)])
    anchors.write([anchor(2)])
    (folder / "anchors-00000002.ndjson").rename(folder / "anchors-00000003.ndjson")

    assert "file 2 is missing" in Anchors(folder, KEY).read().flaws[0].what


def test_files_of_another_key_do_not_hold(folder):
    Anchors(folder, b"another key of at least 32 characters").write([anchor(1)])

    found = Anchors(folder, KEY).read()
    assert [flaw.what for flaw in found.flaws] == ["a line was edited"]
    assert found.anchors == {}


def test_a_write_that_fails_leaves_the_files_in_order(folder, monkeypatch):
    anchors = Anchors(folder, KEY)
    anchors.write([anchor(1)])
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "no space left")))
        with pytest.raises(OSError, match="no space"):
            anchors.write([anchor(2)])

    anchors.write([anchor(3)])

    found = anchors.read()
    assert found.flaws == []
    assert sorted(found.anchors["acme"]) == [
        1,
        2,
        3,
    ]  # the second reached the file, though not surely the disk


async def test_chains_that_grew_are_anchored_and_then_verified(database, folder):
    anchoring = Anchoring(database, CHAIN, Anchors(folder, KEY))
    for count in (3, 2):
        async with database.begin() as tx:
            await write(tx, CHAIN, "acme", count)
            await write(tx, CHAIN, "globex", 1)
        assert await anchoring.once() == []
    assert await anchoring.once() == []  # nothing grew, nothing is written

    found = Anchors(folder, KEY).read()
    assert {name: sorted(known) for name, known in found.anchors.items()} == {
        "acme": [3, 5],
        "globex": [1, 2],
    }
    assert found.lines == 4
    assert await verify(database, CHAIN, Anchors(folder, KEY)) == []


async def test_a_chain_cut_off_is_seen_when_it_is_next_anchored(database, folder):
    anchoring = Anchoring(database, CHAIN, Anchors(folder, KEY))
    async with database.begin() as tx:
        await write(tx, CHAIN, "acme", 5)
    await anchoring.once()
    async with database.begin() as tx:
        await unguard(tx)
        await cut(tx, "acme", 2)

    (finding,) = await anchoring.once()
    assert (finding.kind, finding.tenant, finding.first, finding.last) == ("truncated", "acme", 3, 5)
    assert str(finding).startswith("truncated: tenant acme, entries 3 to 5: ")
    assert Anchors(folder, KEY).read().lines == 1


async def test_a_newest_entry_that_does_not_hold_is_not_anchored(database, folder):
    anchoring = Anchoring(database, CHAIN, Anchors(folder, KEY))
    async with database.begin() as tx:
        await write(tx, CHAIN, "acme", 2)
        await unguard(tx)
        await edit(tx, "acme", 2, action="nothing")

    (finding,) = await anchoring.once()
    assert (finding.kind, finding.first) == ("edited", 2)
    assert Anchors(folder, KEY).read().lines == 0


async def test_anchors_cut_off_or_of_another_day_are_seen_by_the_database(database, folder):
    anchoring = Anchoring(database, CHAIN, Anchors(folder, KEY))
    for _ in range(3):
        async with database.begin() as tx:
            await CHAIN.append(tx, "acme", change())
        await anchoring.once()
    rewrite(folder, lambda lines: lines[:2])

    (finding,) = await verify(database, CHAIN, Anchors(folder, KEY))
    assert (finding.kind, finding.what) == ("anchors", "they end at line 2, the database has seen 3")


async def test_anchors_made_by_a_crash_before_the_database_heard_of_them_are_no_flaw(database, folder):
    async with database.begin() as tx:
        await write(tx, CHAIN, "acme", 2)
    await Anchoring(database, CHAIN, Anchors(folder, KEY)).once()
    async with database.begin() as tx:
        await tx.execute(text("DELETE FROM meta WHERE key LIKE 'audit_anchors:%'"))

    assert await verify(database, CHAIN, Anchors(folder, KEY)) == []


async def test_processes_that_share_a_database_have_anchors_of_their_own(database, tmp_path):
    folders = [tmp_path / node for node in ("node-1", "node-2")]
    chains = [chain(node_id=folder.name) for folder in folders]
    for number in range(3):
        for writer, place in zip(chains, folders, strict=True):
            async with database.begin() as tx:
                await writer.append(tx, "acme", change(number))
            await Anchoring(database, writer, Anchors(place, KEY)).once()
    for place in folders:
        assert await verify(database, CHAIN, Anchors(place, KEY)) == []

    rewrite(folders[1], lambda lines: lines[:2])

    (finding,) = await verify(database, CHAIN, Anchors(folders[1], KEY))
    assert (finding.kind, finding.what) == (
        "anchors",
        "they end at line 2, the database has seen 3; they end at line 2, the database has seen 3",
    )
