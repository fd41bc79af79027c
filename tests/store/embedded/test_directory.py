"""What a data directory remembers: its version, its server, its sockets' folder; and its room."""

import os
from pathlib import Path

import pytest

from hub.store.embedded.binary import ServerBinary, find_binary
from hub.store.embedded.disk import Disk
from hub.store.embedded.errors import DirectoryInUse, WrongServer, WrongState
from hub.store.embedded.lock import FileLock, holders
from hub.store.embedded.runtime import forget_runtime, open_runtime, recorded_runtime
from hub.store.embedded.settings import write_settings
from hub.store.embedded.state import (
    State,
    check_server,
    load_state,
    open_state,
    remember_server,
    save_state,
)


def test_a_new_directory_gets_the_current_version(tmp_path: Path) -> None:
    open_state(tmp_path)

    assert load_state(tmp_path) == State(1)


def test_a_newer_state_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    save_state(tmp_path, State(7))

    with pytest.raises(WrongState, match=r"state version 7, this one knows 1"):
        open_state(tmp_path)
    assert load_state(tmp_path) == State(7)


def test_an_older_state_is_migrated_step_by_step(tmp_path: Path) -> None:
    save_state(tmp_path, State(1, "valkey", "9.1.2"))
    done: list[int] = []
    steps = {1: lambda _: done.append(1), 2: lambda _: done.append(2)}

    state = open_state(tmp_path, current=3, steps=steps)

    assert done == [1, 2]
    assert state == load_state(tmp_path) == State(3, "valkey", "9.1.2")


def test_a_migration_that_fails_is_tried_again_from_where_it_stood(tmp_path: Path) -> None:
    save_state(tmp_path, State(1))

    def fails(_: Path) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        open_state(tmp_path, current=3, steps={1: lambda _: None, 2: fails})
    assert load_state(tmp_path) == State(2)


def test_a_state_that_no_step_knows_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path, State(1))

    with pytest.raises(WrongState, match="cannot migrate"):
        open_state(tmp_path, current=2, steps={})


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":"one"}', b"\x00\x01", b"[]"])
def test_a_state_file_that_makes_no_sense_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.json").write_bytes(content)

    with pytest.raises(WrongState, match=r"state\.json cannot be read"):
        open_state(tmp_path)


def server(name: str, version: str) -> ServerBinary:
    return ServerBinary(Path("/bin/server"), "valkey" if name == "valkey" else "redis", version)


@pytest.mark.parametrize(
    ("wrote", "reads", "allowed"),
    [
        (("valkey", "9.1.2"), ("valkey", "9.1.2"), True),
        (("valkey", "9.1.2"), ("valkey", "9.1.0"), True),
        (("valkey", "9.1.2"), ("valkey", "10.0.0"), True),
        (("valkey", "9.1.2"), ("valkey", "9.0.3"), False),
        (("valkey", "8.0.0"), ("redis", "7.0.15"), False),
        (("redis", "7.0.15"), ("valkey", "9.1.2"), True),
        (("redis", "7.2.4"), ("valkey", "9.1.2"), True),
        (("redis", "7.4.1"), ("valkey", "9.1.2"), False),
        (("redis", "7.0.15"), ("redis", "8.0.0"), True),
    ],
)
def test_a_server_takes_over_only_what_it_can_read(
    tmp_path: Path, wrote: tuple[str, str], reads: tuple[str, str], *, allowed: bool
) -> None:
    state = State(1, *wrote)

    if allowed:
        check_server(tmp_path, state, server(*reads))

        assert remember_server(tmp_path, state, server(*reads)) == State(1, *reads)
    else:
        with pytest.raises(WrongServer, match=f"was written by {wrote[0]} {wrote[1]}"):
            check_server(tmp_path, state, server(*reads))


def test_a_program_that_is_no_server_is_refused_by_name() -> None:
    with pytest.raises(WrongServer, match=r"looked at /bin/true \(does not run\).*redis_url"):
        find_binary(Path("/bin/true"))


def test_a_server_that_is_too_old_is_refused_with_its_version(tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.5 sha=0:0 malloc=libc bits=64 build=0'\n")
    old.chmod(0o755)

    with pytest.raises(WrongServer, match=r"redis 6\.2\.5"):
        find_binary(old)


def test_the_pinned_package_has_a_server_that_runs() -> None:
    found = find_binary()

    assert found.release >= (7, 0)


def test_a_lock_is_refused_to_the_second_and_names_the_first(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    first.take_or_refuse()

    with pytest.raises(DirectoryInUse, match=rf"process {os.getpid()}\)"):
        second.take_or_refuse()
    first.leave()
    second.take_or_refuse()
    second.leave()


def test_nobody_holds_a_file_that_only_this_process_has_open(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    lock.take()

    assert holders(lock.path) == []
    lock.leave()


def test_the_sockets_folder_is_private_short_and_found_again(tmp_path: Path) -> None:
    folder = open_runtime(tmp_path)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(folder)) < 80
    assert open_runtime(tmp_path) == recorded_runtime(tmp_path) == folder
    forget_runtime(tmp_path)
    assert not folder.exists()
    assert recorded_runtime(tmp_path) is None


def test_a_sockets_folder_that_others_may_enter_is_not_used_again(tmp_path: Path) -> None:
    folder = open_runtime(tmp_path)
    folder.chmod(0o755)

    other = open_runtime(tmp_path)

    assert other != folder
    forget_runtime(tmp_path)
    folder.rmdir()


def test_the_reserve_is_reached_when_less_is_free(tmp_path: Path) -> None:
    free = Disk(tmp_path).free()

    assert free > 0
    assert not Disk(tmp_path, reserve_bytes=1).below_reserve()
    assert Disk(tmp_path, reserve_bytes=1 << 62).below_reserve()


def test_a_memory_limit_that_a_server_cannot_live_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 16 MiB"):
        write_settings(tmp_path, socket=tmp_path / "s", log=tmp_path / "l", maxmemory_bytes=1024)
