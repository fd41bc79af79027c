"""Data directories, append-only files and left-behind servers for the tests of the embedded server."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from redis.asyncio import Redis

from hub.store.embedded import EmbeddedServer

__all__ = [
    "alive",
    "command_bytes",
    "fill",
    "leave_orphan",
    "log_file",
    "numbers",
    "until",
    "write_and_stop",
]

LEAVER = """
import asyncio, sys
from pathlib import Path
from hub.store.embedded import EmbeddedServer
from hub.store.embedded.status import Status

async def main():
    dies = sys.argv[2] == "dies"
    server = EmbeddedServer(Path(sys.argv[1]), die_with_parent=dies, tell=lambda status: None)
    await server.start()
    print(server.status.pid, server.unix_socket, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def command_bytes(words: Iterable[bytes]) -> bytes:
    """One command as it stands in an append-only file."""
    parts = list(words)
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


async def fill(socket: Path, values: Sequence[int]) -> None:
    """Append numbers to a list, one durable command each."""
    async with Redis(unix_socket_path=str(socket)) as client:
        for value in values:
            await client.execute_command("RPUSH", "numbers", value)


async def numbers(socket: Path) -> list[int]:
    async with Redis(unix_socket_path=str(socket)) as client:
        return [int(each) for each in await client.execute_command("LRANGE", "numbers", 0, -1)]


def log_file(data: Path) -> Path:
    """The incremental append-only file of a data directory."""
    (found,) = (data / "valkey" / "appendonlydir").glob("*.incr.aof")
    return found


def leave_orphan(data: Path, *, dies_with_parent: bool = False) -> tuple[int, Path]:
    """Start a server from a process of its own and kill that one; returns the server's pid and socket."""
    arguments = [sys.executable, "-c", LEAVER, str(data), "dies" if dies_with_parent else "stays"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, socket = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)
    return int(pid), Path(socket)


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits for its parent does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def until(condition: Callable[[], bool], limit_s: float = 10.0) -> bool:
    """Wait for a condition to hold; False when it did not in time."""
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.02)
    return False


async def write_and_stop(data: Path, values: Sequence[int]) -> None:
    """A data directory that holds these numbers."""
    async with EmbeddedServer(data) as server:
        await fill(server.unix_socket, values)
