"""OCSF events as newline-delimited JSON: to standard output, or appended to a file that rotates.

A batch counts as delivered once it is written and (for a file, unless switched off) on the disk. One that a
crash cut short comes again whole; what was torn is cut off first, so that a file never keeps half a line.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ByteSize, Field

from connectors.file.appender import Appender, Rotation
from connectors.file.reason import reason_of
from connectors.file.stream import STDOUT, Stream, is_stream
from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered, Outcome
from hub.sdk.connector import ConnectorSpec, Context, DestinationFailed
from hub.sdk.lifetime import Closing
from hub.sdk.ndjson import one_line
from hub.sdk.offload import Offload
from hub.sdk.options import Options

__all__ = ["SPEC", "FileConnector", "FileOptions"]

_CLOSE_S = 1.0


class FileOptions(Options):
    """Where to write, and when to begin a new file."""

    path: str = Field("-", min_length=1, description="file to append to; '-' is standard output")
    rotate_bytes: ByteSize | None = Field(
        ByteSize(100 * 1024 * 1024),
        ge=4096,
        description="size at which a new file is begun; null leaves it to others, such as logrotate",
    )
    rotate_hours: float | None = Field(
        None, gt=0, description="hours after which a new file is begun, counted from midnight UTC"
    )
    keep: int = Field(10, ge=1, le=10_000, description="finished files that are kept: PATH.1 is the newest")
    fsync: bool = Field(
        True, description="wait until each batch is on the disk; false survives a crash of mxhub only"
    )


class FileConnector(Closing):
    """Writes on a thread of its own: a slow disk or a pipe that nobody reads holds up nobody else."""

    def __init__(self, options: FileOptions, context: Context) -> None:
        self._options = options
        self._limit_s = context.give_up_s
        self._thread = Offload(f"file-{context.name}")
        self._writer: Appender | Stream | None = None

    async def close(self) -> None:
        with suppress(TimeoutError):  # then it hangs, and nobody may take its file from under it
            async with asyncio.timeout(_CLOSE_S):
                await self._thread.run(self._close)
        self._thread.close()

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """Append the batch: all of it, or (as far as others can see) nothing."""
        lines = b"".join([part for entry in batch for part in (one_line(entry.body), b"\n")])
        try:
            async with asyncio.timeout(self._limit_s):
                await self._thread.run(self._append, lines)
        except TimeoutError:
            reason = (
                f"{self._options.path}: not written within {self._limit_s:.3g} s; a hanging disk or reader?"
            )
            return [Blocked(reason)] * len(batch)
        except OSError as error:
            return [Blocked(reason_of(error, self._options.path))] * len(batch)
        return [Delivered()] * len(batch)

    def _append(self, lines: bytes) -> None:
        if self._writer is None:
            self._writer = _writer(self._options)
        self._writer.append(lines)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _writer(options: FileOptions) -> Appender | Stream:
    if is_stream(options.path):
        return Stream(options.path)
    rotation = Rotation(options.rotate_bytes, options.rotate_hours, options.keep)
    return Appender(Path(options.path).expanduser(), rotation, fsync=options.fsync)


def _make(options: Options, context: Context) -> FileConnector:
    return FileConnector(FileOptions.of(options), context)


async def _probe(options: Options, _: Context) -> str:
    """Whether the file could be written, without touching it."""
    return _look(FileOptions.of(options).path)


def _look(name: str) -> str:
    if name == STDOUT:
        return "standard output"
    path = Path(name).expanduser()
    target = path if path.exists() else path.parent
    if not target.exists():
        raise DestinationFailed(f"{path}: its directory does not exist; create it")
    if path.is_dir() or not os.access(target, os.W_OK):
        raise DestinationFailed(f"{path}: user {os.geteuid()} may not write it")
    return f"{path}, {path.stat().st_size if path.exists() else 0} bytes"


SPEC = ConnectorSpec(
    kind="file",
    title="Newline-delimited JSON to standard output or a rotated file",
    options=FileOptions,
    make=_make,
    batch_events=1000,
    probe=_probe,
)
