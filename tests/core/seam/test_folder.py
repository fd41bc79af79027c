"""What reaches the disk before a file counts as kept, and in which order."""

import os
import threading
from pathlib import Path

import pytest

from core.seam import folder as module
from core.seam.folder import Folder

NAME = "node-1/7q/one.eml"


@pytest.fixture
def calls(monkeypatch):
    """`("fsync", path)`, `("rename", path)`, `("mkdir", path)` in the order in which they are done."""
    made, paths = [], {}
    really_open, really_sync = os.open, os.fsync
    really_replace, really_mkdir = Path.replace, Path.mkdir

    def opened(path, *args, **options):
        descriptor = really_open(path, *args, **options)
        paths[descriptor] = Path(path)
        return descriptor

    def sync(descriptor):
        really_sync(descriptor)
        made.append(("fsync", paths[descriptor]))

    def replace(path, target):
        made.append(("rename", Path(target)))
        return really_replace(path, target)

    def mkdir(path, *args, **options):
        made.append(("mkdir", path))
        return really_mkdir(path, *args, **options)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    return made


def writing(path):
    """The file's bytes, then its name, then the folder that holds the name."""
    return [("fsync", path.with_name(path.name + ".tmp")), ("rename", path), ("fsync", path.parent)]


def test_a_file_is_synced_before_it_has_its_name_and_the_folder_after(tmp_path, calls):
    Folder(tmp_path).put("first/place.eml", b"x")
    calls.clear()
    Folder(tmp_path).put("first/one.eml", b"mail")

    assert calls == writing(tmp_path / "first" / "one.eml")


def test_new_folders_are_synced_from_the_top_before_anything_is_written_into_them(tmp_path, calls):
    root = tmp_path / "spool"
    Folder(root).put(NAME, b"mail")
    path = root / NAME
    steps = [step for step in calls if step[1] != tmp_path and step != ("fsync", tmp_path)]
    order = [
        ("mkdir", root),
        ("mkdir", root / "node-1"),
        ("fsync", root),
        ("mkdir", path.parent),
        ("fsync", root / "node-1"),
        *writing(path),
    ]

    assert steps == order
    assert calls.index(("fsync", tmp_path)) == calls.index(("mkdir", root)) + 1


def test_folders_that_this_process_did_not_make_are_synced_once(tmp_path, calls):
    """Who made them may have been killed before it synced them."""
    path = tmp_path / "spool" / NAME
    os.makedirs(path.parent)
    calls.clear()
    for _ in range(2):
        Folder(tmp_path / "spool").put(NAME, b"mail")
    synced = [where for what, where in calls if what == "fsync" and where.is_dir()]

    assert synced == [tmp_path, tmp_path / "spool", tmp_path / "spool" / "node-1", path.parent, path.parent]


def test_a_folder_of_another_thread_is_not_taken_as_durable_before_it_is_synced(tmp_path, calls, monkeypatch):
    at_sync, go_on, really = threading.Event(), threading.Event(), module._sync

    def slow(folder):
        if threading.current_thread().name == "slow" and folder.name == "node-1":
            at_sync.set()
            go_on.wait(60)
        really(folder)

    monkeypatch.setattr(module, "_sync", slow)
    slow_one = threading.Thread(target=Folder(tmp_path).put, args=("node-1/7q/a.eml", b"a"), name="slow")
    slow_one.start()
    assert at_sync.wait(60)
    Folder(tmp_path).put("node-1/7q/b.eml", b"b")
    synced = calls.index(("fsync", tmp_path / "node-1"))

    assert synced < calls.index(("rename", tmp_path / "node-1" / "7q" / "b.eml"))
    go_on.set()
    slow_one.join()
