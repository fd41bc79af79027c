"""The embedded server as a real process: started, killed, left behind, damaged."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import pytest
from redis.asyncio import Redis

from hub.store.embedded import DamagedLog, DirectoryInUse, EmbeddedServer, ServerGone, WrongServer, WrongState
from hub.store.embedded.runtime import forget_runtime
from hub.store.embedded.server import NO_REWRITES, running_socket
from hub.store.embedded.state import State, save_state
from hub.store.embedded.status import Status
from tests.factories.embedded import alive, fill, leave_orphan, log_file, numbers, until, write_and_stop
from tests.servers.redis import redis_binary

pytestmark = pytest.mark.server("valkey")


async def back_up(server: EmbeddedServer, restarts: int) -> None:
    async with asyncio.timeout(15):
        while server.status.state != "running" or server.status.restarts < restarts:
            await asyncio.sleep(0.01)


async def test_it_runs_with_the_settings_that_durability_rests_on(tmp_path: Path) -> None:
    wanted = {
        "appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no", "port": "0",
        "maxmemory-policy": "noeviction", "maxmemory": str(64 << 20), "save": "", "aof-load-truncated": "yes",
        "auto-aof-rewrite-percentage": "100", "auto-aof-rewrite-min-size": str(16 << 20),
    }  # fmt: skip
    async with EmbeddedServer(tmp_path, maxmemory_bytes=64 << 20) as server:
        async with Redis(unix_socket_path=str(server.unix_socket), decode_responses=True) as client:
            found = {name: (await client.config_get(name))[name] for name in wanted}

        assert found == wanted
        assert server.status.state == "running"
        assert server.status.server.startswith("valkey ")


async def test_nobody_else_may_enter_its_folders_or_its_socket(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with EmbeddedServer(data) as server:
        modes = [
            stat.S_IMODE(path.stat().st_mode)
            for path in (data, server.unix_socket.parent, server.unix_socket)
        ]

    assert modes == [0o700, 0o700, 0o600]


async def test_what_was_acknowledged_is_there_after_a_clean_stop(tmp_path: Path) -> None:
    await write_and_stop(tmp_path, range(50))

    async with EmbeddedServer(tmp_path) as server:
        assert await numbers(server.unix_socket) == list(range(50))


async def test_a_stop_leaves_no_process_no_socket_and_no_lock(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    await server.start()
    pid, socket = server.status.pid, server.unix_socket
    assert running_socket(tmp_path) == socket

    await server.stop()

    assert not alive(pid)
    assert not socket.parent.exists()
    assert running_socket(tmp_path) is None
    assert server.status.state == "stopped"


async def test_a_killed_server_comes_back_by_itself_with_all_it_acknowledged(tmp_path: Path) -> None:
    seen: list[Status] = []
    async with EmbeddedServer(tmp_path, tell=seen.append) as server:
        socket = server.unix_socket
        for round_ in range(3):
            await fill(socket, [round_])
            os.kill(server.status.pid, signal.SIGKILL)
            await back_up(server, round_ + 1)

        assert await numbers(socket) == [0, 1, 2]
        assert server.unix_socket == socket
        assert server.status.restarts == 3
    assert [status.state for status in seen] == [
        "starting",
        "running",
        *["restarting", "running"] * 3,
        "stopped",
    ]


async def test_a_server_that_cannot_start_again_is_reported_and_tried_until_it_can(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server:
        folder = tmp_path / "valkey" / "appendonlydir"
        await fill(server.unix_socket, [1])
        hidden = folder.rename(tmp_path / "hidden")
        folder.touch()
        os.kill(server.status.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while server.status.state != "failed":
                await asyncio.sleep(0.01)
        assert "cannot be opened" in server.status.reason
        folder.unlink()
        hidden.rename(folder)

        await back_up(server, 1)

        assert await numbers(server.unix_socket) == [1]


async def test_a_second_start_on_one_directory_is_refused_and_does_no_harm(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server:
        await fill(server.unix_socket, [1])

        with pytest.raises(
            DirectoryInUse, match=rf"in use by another mxhub \(process {os.getpid()}\).*--data"
        ):
            await EmbeddedServer(tmp_path).start()

        assert await numbers(server.unix_socket) == [1]


async def test_an_orphan_is_adopted_and_not_doubled(tmp_path: Path) -> None:
    pid, socket = leave_orphan(tmp_path)
    assert alive(pid)
    await fill(socket, [1, 2])

    async with EmbeddedServer(tmp_path, maxmemory_bytes=99 << 20) as server:
        assert (server.status.pid, server.status.adopted) == (pid, True)
        assert server.unix_socket == socket
        assert await numbers(socket) == [1, 2]
        async with Redis(unix_socket_path=str(socket), decode_responses=True) as client:
            assert await client.config_get("maxmemory") == {"maxmemory": str(99 << 20)}
    assert not alive(pid)


async def test_an_adopted_server_that_dies_is_started_again(tmp_path: Path) -> None:
    pid, socket = leave_orphan(tmp_path)
    await fill(socket, [1])

    async with EmbeddedServer(tmp_path) as server:
        os.kill(pid, signal.SIGKILL)
        await back_up(server, 1)

        assert not server.status.adopted
        assert await numbers(socket) == [1]


async def test_an_orphan_with_weaker_settings_is_ended_and_replaced(tmp_path: Path) -> None:
    pid, socket = leave_orphan(tmp_path)
    await fill(socket, [1])
    async with Redis(unix_socket_path=str(socket)) as client:
        await client.config_set("appendfsync", "everysec")

    async with EmbeddedServer(tmp_path) as server:
        assert not alive(pid)
        assert not server.status.adopted
        assert await numbers(server.unix_socket) == [1]


@pytest.mark.slow
async def test_an_orphan_without_its_socket_is_ended_and_replaced(tmp_path: Path) -> None:
    pid, socket = leave_orphan(tmp_path)
    await fill(socket, [1])
    socket.unlink()

    async with EmbeddedServer(tmp_path) as server:
        assert not alive(pid)
        assert await numbers(server.unix_socket) == [1]


@pytest.mark.slow
async def test_an_orphan_that_hangs_is_killed_only_after_the_time_out(tmp_path: Path) -> None:
    pid, socket = leave_orphan(tmp_path)
    await fill(socket, [1])
    os.kill(pid, signal.SIGSTOP)

    async with EmbeddedServer(tmp_path, stop_timeout_s=0.5) as server:
        assert not alive(pid)
        assert await numbers(server.unix_socket) == [1]


def test_a_server_ends_with_the_mxhub_that_started_it(tmp_path: Path) -> None:
    pid, _ = leave_orphan(tmp_path, dies_with_parent=True)

    assert until(lambda: not alive(pid))
    forget_runtime(tmp_path)


async def test_a_torn_last_write_is_dropped_and_noted(tmp_path: Path) -> None:
    await write_and_stop(tmp_path, range(10))
    path = log_file(tmp_path)
    os.truncate(path, path.stat().st_size - 3)

    async with EmbeddedServer(tmp_path) as server:
        assert await numbers(server.unix_socket) == list(range(9))
        assert any("unfinished and was cut at byte" in note for note in server.status.notes)


async def test_a_zero_filled_end_is_cut_with_a_copy_kept_and_noted(tmp_path: Path) -> None:
    await write_and_stop(tmp_path, range(10))
    damaged = log_file(tmp_path).read_bytes() + bytes(100_000)
    log_file(tmp_path).write_bytes(damaged)

    async with EmbeddedServer(tmp_path) as server:
        assert await numbers(server.unix_socket) == list(range(10))
        assert any("zero-filled end" in note for note in server.status.notes)
    (saved,) = (tmp_path / "valkey" / "saved").iterdir()
    assert saved.read_bytes() == damaged


@pytest.mark.parametrize(
    "tail", [bytes(100) + b"garbage" + bytes(100), bytes(100) + b"garbage", b"garbage\r\n"]
)
async def test_an_end_that_is_not_only_zeros_is_refused_and_left_alone(tmp_path: Path, tail: bytes) -> None:
    await write_and_stop(tmp_path, range(10))
    good = log_file(tmp_path).read_bytes()
    log_file(tmp_path).write_bytes(good + tail)

    with pytest.raises(DamagedLog, match=rf"damaged at byte {len(good)} .*truncate -s {len(good)} "):
        await EmbeddedServer(tmp_path).start()

    assert log_file(tmp_path).read_bytes() == good + tail


async def test_a_refused_start_leaves_the_directory_to_the_next(tmp_path: Path) -> None:
    await write_and_stop(tmp_path, range(10))
    good = log_file(tmp_path).read_bytes()
    log_file(tmp_path).write_bytes(good + b"\0x\0")
    server = EmbeddedServer(tmp_path)
    with pytest.raises(DamagedLog):
        await server.start()
    log_file(tmp_path).write_bytes(good)

    await server.start()

    assert await numbers(server.unix_socket) == list(range(10))
    await server.stop()


async def test_a_data_directory_with_a_long_path_works(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-rather-long-name"] * 5, 'and "quotes" \\ too')

    async with EmbeddedServer(deep) as server:
        await fill(server.unix_socket, [1])

        assert len(os.fsencode(deep)) > 107 > len(os.fsencode(server.unix_socket))
        assert (deep / "runtime").read_text().strip() == str(server.unix_socket.parent)


async def test_a_directory_of_a_newer_mxhub_is_refused_before_a_server_starts(tmp_path: Path) -> None:
    save_state(tmp_path, State(99))

    with pytest.raises(WrongState, match="newer mxhub"):
        await EmbeddedServer(tmp_path).start()

    assert not (tmp_path / "valkey" / "appendonlydir").exists()


async def test_a_directory_that_a_newer_server_wrote_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path, State(1, "valkey", "99.0.0"))

    with pytest.raises(WrongServer, match=r"written by valkey 99\.0\.0"):
        await EmbeddedServer(tmp_path).start()


async def test_a_binary_that_ends_at_once_is_reported_with_what_it_said(tmp_path: Path) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Valkey server v=9.1.2 x" && exit 0\nexit 1\n')
    broken.chmod(0o755)

    with pytest.raises(ServerGone, match="ended while it started"):
        await EmbeddedServer(tmp_path / "data", binary=broken).start()


@pytest.mark.slow
async def test_rewrites_are_switched_off_while_there_is_no_room_for_one(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, reserve_bytes=1 << 62) as server:
        async with asyncio.timeout(10):
            while NO_REWRITES not in server.status.notes:
                await asyncio.sleep(0.05)
        async with Redis(unix_socket_path=str(server.unix_socket), decode_responses=True) as client:
            found = await client.config_get("auto-aof-rewrite-percentage")

        assert server.below_reserve()
        assert found == {"auto-aof-rewrite-percentage": "0"}
        server.disk.reserve_bytes = 1
        async with asyncio.timeout(10):
            while server.status.notes:
                await asyncio.sleep(0.05)


async def test_a_full_disk_ends_the_server_and_room_brings_it_back_with_all_it_acknowledged(
    tmp_path: Path,
) -> None:
    """A limit on file sizes takes the server's same path: the write fails, and `always` allows no way on."""
    import resource

    async with EmbeddedServer(tmp_path) as server:
        await fill(server.unix_socket, range(5))
        size = log_file(tmp_path).stat().st_size
        unlimited = resource.prlimit(
            server.status.pid, resource.RLIMIT_FSIZE, (size + 10, resource.RLIM_INFINITY)
        )
        async with Redis(unix_socket_path=str(server.unix_socket)) as client:
            with pytest.raises(Exception, match=r"(?i)closed|reset|refused|broken|Connection|Error"):
                await client.execute_command("RPUSH", "numbers", "5" * 100)
        await back_up(server, 1)

        assert unlimited[0] == resource.RLIM_INFINITY
        assert await numbers(server.unix_socket) == list(range(5))


async def test_a_failed_start_with_a_newer_server_does_not_shut_the_older_one_out(tmp_path: Path) -> None:
    await write_and_stop(tmp_path, [1])
    newer = tmp_path / "newer"
    newer.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Valkey server v=99.0.0 x" && exit 0\nexit 1\n')
    newer.chmod(0o755)
    with pytest.raises(ServerGone):
        await EmbeddedServer(tmp_path, binary=newer).start()

    async with EmbeddedServer(tmp_path) as server:
        assert await numbers(server.unix_socket) == [1]


@pytest.mark.integration
@pytest.mark.server("redis-7")
async def test_redis_on_path_serves_as_well_and_its_log_moves_on_to_valkey(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, binary=redis_binary()) as server:
        assert server.status.server.startswith("redis 7.")
        await fill(server.unix_socket, range(10))
        os.kill(server.status.pid, signal.SIGKILL)
        await back_up(server, 1)
        assert await numbers(server.unix_socket) == list(range(10))
    os.truncate(log_file(tmp_path), log_file(tmp_path).stat().st_size - 3)
    async with EmbeddedServer(tmp_path, binary=redis_binary()) as server:
        assert any("unfinished and was cut at byte" in note for note in server.status.notes)

    async with EmbeddedServer(tmp_path) as server:
        assert server.status.server.startswith("valkey ")
        assert await numbers(server.unix_socket) == list(range(9))
    with pytest.raises(WrongServer, match="written by valkey"):
        await EmbeddedServer(tmp_path, binary=redis_binary()).start()
