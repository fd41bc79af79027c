"""Restore: all or nothing, into a directory that is empty, from a file that holds."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from hub.app.backup import restore as module
from hub.app.backup.manifest import BackupError, Versions
from hub.app.backup.restore import inspect, restore
from hub.store.embedded import EmbeddedServer, WrongState
from hub.store.embedded.state import RESTORING, load_state, open_state
from tests.factories.backups import FIXTURE, contents, made, manifest_of, rewritten

pytestmark = pytest.mark.server("valkey")

WHOLE = FIXTURE.read_bytes()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def file_of(tmp_path):
    """Writes a back-up file."""

    def write(content):
        path = tmp_path / "a.tar"
        path.write_bytes(content)
        return path

    return write


def names(folder: Path):
    return sorted(path.name for path in folder.iterdir())


def test_a_directory_is_whole_and_the_owners_alone(data):
    manifest = restore(FIXTURE, data)

    assert names(data) == ["archive", "state.json", "valkey"]
    assert data.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in data.rglob("*.db")} <= {0, 0o044}
    assert load_state(data).server == manifest.server


def test_the_configuration_is_laid_beside(data, file_of):
    file = file_of(made({**contents(WHOLE), "config/0-mxhub.yaml": b"tenant: a\n"}, **_said()))
    restore(file, data)

    assert (data / "config" / "0-mxhub.yaml").read_text() == "tenant: a\n"


def _said():
    said = msgspec.structs.asdict(manifest_of(WHOLE))
    del said["members"]
    return said


def test_an_empty_directory_is_taken_as_it_is(data):
    data.mkdir(mode=0o750)
    (data / "lost+found").mkdir()
    restore(FIXTURE, data)

    assert data.stat().st_mode & 0o777 == 0o750
    assert (data / "state.json").exists()


def test_a_directory_with_anything_in_it_is_refused_and_left_alone(data):
    data.mkdir()
    (data / "mine").write_text("x")

    with pytest.raises(BackupError, match=r"not empty \(it holds mine\).*--data"):
        restore(FIXTURE, data)
    assert names(data) == ["mine"]


def test_a_file_in_its_place_is_refused(data):
    data.write_text("x")

    with pytest.raises(BackupError, match="is a file"):
        restore(FIXTURE, data)


async def test_a_directory_of_a_running_hub_is_refused(data):
    async with EmbeddedServer(data, tell=lambda status: None):
        with pytest.raises(BackupError, match="a hub is running"):
            await asyncio.to_thread(restore, FIXTURE, data)


@pytest.mark.parametrize("name", sorted(contents(WHOLE)))
def test_a_member_with_one_byte_changed_is_refused_before_anything_is_written(name, data, file_of):
    inside = contents(WHOLE)[name]
    at = WHOLE.index(inside) + len(inside) // 2
    file = file_of(WHOLE[:at] + bytes([WHOLE[at] ^ 1]) + WHOLE[at + 1 :])

    with pytest.raises(BackupError, match="not as it was written"):
        restore(file, data)
    assert not data.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_refused_before_anything_is_written(share, data, file_of):
    with pytest.raises(BackupError, match="cut short"):
        restore(file_of(WHOLE[: int(len(WHOLE) * share)]), data)
    assert not data.exists()


@pytest.mark.parametrize("what", ["directory", "log", "archive"])
def test_a_later_state_is_refused_with_the_release_to_take(what, data, file_of):
    later = msgspec.structs.replace(Versions(), **{what: 99})
    file = file_of(rewritten(WHOLE, state=later, mxhub="9.9.0"))

    with pytest.raises(BackupError, match=rf"mxhub 9\.9\.0: the state of its {what} has version 99"):
        restore(file, data)
    assert not data.exists()


def test_a_log_that_a_later_server_saved_is_refused(data, file_of):
    file = file_of(rewritten(WHOLE, server="valkey", server_version="99.1.0"))

    with pytest.raises(BackupError, match=r"saved by valkey 99\.1\.0.*install valkey 99\.1\.0 or newer"):
        restore(file, data)
    assert not data.exists()


def test_an_archive_that_is_not_the_manifests_is_refused_and_nothing_stays(data, file_of):
    file = file_of(rewritten(WHOLE, archived=49))

    with pytest.raises(BackupError, match="ends at event 50, its manifest says 49"):
        restore(file, data)
    assert not data.exists()


def test_an_archive_that_is_no_database_is_refused_and_nothing_stays(data, file_of):
    inside = {**contents(WHOLE), "archive/catalogue.db": b"nothing" * 99}
    file = file_of(made(inside, **_said()))

    with pytest.raises(BackupError, match="cannot be opened"):
        restore(file, data)
    assert not data.exists()


def test_a_folder_that_no_hub_names_is_refused(data, file_of):
    with pytest.raises(BackupError, match="mxhub did not write it"):
        restore(file_of(rewritten(WHOLE, folder="../elsewhere")), data)


def test_members_that_fall_onto_each_other_are_refused(data, file_of):
    inside = {**contents(WHOLE), "beside/archive/catalogue.db": b"x"}

    with pytest.raises(OSError, match="exists"):
        restore(file_of(made(inside, **_said())), data)
    assert not data.exists()


def test_a_restore_that_was_killed_cannot_be_started_but_done_again(data, monkeypatch):
    moved = []

    def killed(self, target):
        moved.append(target)
        if len(moved) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    rename = Path.rename
    monkeypatch.setattr(module.Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        restore(FIXTURE, data)
    monkeypatch.undo()

    assert RESTORING in names(data)
    with pytest.raises(WrongState, match="run mxhub restore again"):
        open_state(data)
    restore(FIXTURE, data)
    assert names(data) == ["archive", "state.json", "valkey"]
    assert open_state(data).server == "valkey"


def test_inspecting_writes_nothing(tmp_path):
    before = names(tmp_path)

    assert inspect(FIXTURE).events == 50
    assert names(tmp_path) == before
