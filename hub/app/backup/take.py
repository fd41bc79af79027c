"""Takes a back-up of the running hub, as a stream: ingest, routing and sending go on.

The instant: while the archive's writer stands still, every growing archive file is held by a read transaction
and the log's server forks. So the log's copy has every event, and nothing that the archive's copy lacks was
forgotten by it; everything after that is copying.
"""

import asyncio
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from hub.app.backup.manifest import Extras, Manifest, Member, Versions, installed_version
from hub.app.backup.tarball import BLOCK, CHUNK, DIGEST, END, MANIFEST, MOST_MEMBERS, header, padding
from hub.app.beside import Beside
from hub.archive.base import ArchiveError
from hub.archive.sqlite.snapshot import ArchiveSnapshot, copy_database
from hub.config.model import Settings
from hub.pipeline.keep import Keeper
from hub.store.base import Head, Log, StoreError
from hub.store.embedded.disk import Disk
from hub.store.embedded.server import FOLDER
from hub.store.embedded.snapshot import Saver, clear_saves
from hub.store.embedded.state import load_state
from hub.telemetry.redact import secrets_of
from hub.web.errors import Conflict, ServiceUnavailable

__all__ = ["Backups"]

T = TypeVar("T")

WORK = "backup"
_BUSY_S = 300.0
_MIB = 1024 * 1024
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class _Cut:
    """The instant that the back-up holds."""

    head: Head
    archive: ArchiveSnapshot
    saver: Saver


class Backups:
    """Back-ups of one hub over the embedded server, one at a time."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        log: Log,
        url: str,
        keeper: Keeper,
        extras: Callable[[], Extras],
        beside: Callable[[], Beside | None] = lambda: None,
    ) -> None:
        """`url` is the embedded server's. Clears what a killed back-up left behind."""
        self._settings = settings
        self._log = log
        self._url = url
        self._keeper = keeper
        self._extras = extras
        self._beside_hub = beside
        self._data = settings().data
        self._disk = Disk(self._data, settings().log.disk_reserve_mb * _MIB)
        self._work = self._data / WORK
        self._busy = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._members: list[Member] = []
        self._clear()
        clear_saves(self._data / FOLDER)

    def _clear(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The file, piece by piece; the first one comes when the instant is over.

        Raises `Conflict` while another one is taken, `ServiceUnavailable` without room on the disk,
        `StoreError`, `ArchiveError`.
        """
        if self._busy.locked():
            raise Conflict("A back-up is being taken already: wait for its end.")
        async with self._busy, self._keeper.intact(), Saver(self._url, self._data / FOLDER) as saver:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="backup")
            self._members = []
            self._clear()
            self._work.mkdir(mode=0o700)
            try:
                cut = await self._cut(saver)
                with closing(cut.archive):
                    async for chunk in self._pieces(cut):
                        yield chunk
            finally:
                # a task of its own: before Python 3.11.4 time-outs go wrong in one that was cancelled
                await asyncio.create_task(saver.drop(), name="backup drop")
                self._thread.shutdown(wait=True)
                self._clear()

    async def _cut(self, saver: Saver) -> _Cut:
        """Raises `ServiceUnavailable` when the server saves for others all the time."""
        self._check_room(await saver.used_bytes(), "a copy of the log")
        ends_at = time.monotonic() + _BUSY_S
        while time.monotonic() < ends_at:
            await saver.free()
            async with self._keeper.still():
                head = await self._log.head()
                archive = await self._run(ArchiveSnapshot, self._data / "archive", self._work)
                try:
                    if await saver.begin():
                        return _Cut(head, archive, saver)
                except BaseException:
                    archive.close()
                    raise
                archive.close()
        raise ServiceUnavailable("The log's server rewrites its file all the time: try again later.")

    async def _pieces(self, cut: _Cut) -> AsyncIterator[bytes]:
        for name in cut.archive.names:
            self._check_room(cut.archive.size(name), f"a copy of {name}")
            async for chunk in self._file(f"archive/{name}", await self._run(cut.archive.copy, name)):
                yield chunk
        left_out: list[str] = []
        async for chunk in self._of_beside(left_out):
            yield chunk
        async for chunk in self._documents(left_out):
            yield chunk
        for name in self._extras().files:
            async for chunk in self._beside(name):
                yield chunk
        saved = await cut.saver.finished()
        async for chunk in self._file("log/dump.rdb", saved):
            yield chunk
        text = msgspec.json.encode(self._manifest(cut, tuple(left_out)))
        yield self._whole(MANIFEST, text)
        yield self._whole(DIGEST, hashlib.sha256(text).hexdigest().encode() + b"\n")
        yield END

    async def _documents(self, left_out: list[str]) -> AsyncIterator[bytes]:
        """The configuration's files; one that holds a secret in plain text is only named."""
        secrets = {one for one in secrets_of(self._settings()) if len(one) >= _SHORTEST_SECRET}
        for number, path in enumerate(self._extras().documents):
            try:
                text = path.read_bytes()
            except OSError as error:
                left_out.append(f"{path}: {error.strerror or error}")
                continue
            if any(secret.encode() in text for secret in secrets):
                left_out.append(f"{path}: it holds a secret in plain text")
            else:
                plain = "".join(char if char.isascii() and char.isalnum() else "_" for char in path.stem)
                yield self._whole(f"config/{number}-{plain[:60]}.yaml", text)

    async def _of_beside(self, left_out: list[str]) -> AsyncIterator[bytes]:
        """The core's state, where one runs in this process."""
        beside = self._beside_hub()
        if beside is None:
            return
        files, missing = await beside.freeze(self._work / "beside", self._check_room)
        left_out += missing
        if len(files) > MOST_MEMBERS:
            raise ServiceUnavailable(f"{len(files)} held messages are more than a back-up can hold.")
        for name, copy in files.items():
            async for chunk in self._file(name, copy):
                yield chunk

    async def _beside(self, name: str) -> AsyncIterator[bytes]:
        path = self._data / name
        if not path.exists():
            return
        if path.suffix != ".sqlite3":
            yield self._whole(f"beside/{name}", path.read_bytes())
            return
        self._check_room(path.stat().st_size, f"a copy of {name}")
        copy = self._work / path.name
        await self._run(_copy_file, path, copy)
        async for chunk in self._file(f"beside/{name}", copy):
            yield chunk

    def _manifest(self, cut: _Cut, left_out: tuple[str, ...]) -> Manifest:
        state = load_state(self._data)
        if state is None:
            raise StoreError(f"{self._data} says nothing about its state: was it removed meanwhile?")
        return Manifest(
            mxhub=installed_version(),
            created_ms=time.time_ns() // 1_000_000,
            state=Versions(),
            server=state.server,
            server_version=state.server_version,
            folder=self._extras().folder,
            seq=cut.head.seq,
            archived=cut.archive.offsets.get(self._log.partition, 0),
            events=cut.archive.events,
            left_out=left_out,
            members=tuple(self._members),
        )

    # -- members ---------------------------------------------------------------------------------------------
    async def _file(self, name: str, path: Path) -> AsyncIterator[bytes]:
        """One member from a copy of ours, which is removed then."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            yield header(name, size, int(time.time()))
            while chunk := await self._run(_next, file, digest):
                yield chunk
        if size % BLOCK:
            yield padding(size)
        await self._run(path.unlink)
        self._members.append(Member(name, size, digest.hexdigest()))

    def _whole(self, name: str, data: bytes) -> bytes:
        self._members.append(Member(name, len(data), hashlib.sha256(data).hexdigest()))
        return header(name, len(data), int(time.time())) + data + padding(len(data))

    def _check_room(self, size: int, what: str) -> None:
        """Copies stay above the reserve below which ingest answers 503."""
        spare = self._disk.free() - self._disk.reserve_bytes
        if spare < size:
            raise ServiceUnavailable(
                f"{what} needs up to {size // _MIB + 1} MB where the data lives, {max(spare, 0) // _MIB} MB"
                " are free above log.disk_reserve_mb: make room."
            )

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)


def _next(file: BinaryIO, digest: Any) -> bytes:
    chunk = file.read(CHUNK)
    digest.update(chunk)
    return chunk


def _copy_file(path: Path, target: Path) -> None:
    """A database that its own process goes on writing; raises `ArchiveError`."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
            copy_database(source, target)
    except sqlite3.Error as error:
        with suppress(OSError):
            target.unlink()
        raise ArchiveError(f"cannot copy {path}: {error}") from error
