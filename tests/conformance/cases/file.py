"""The file connector: its destination is a folder."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from hub.sdk.testing import Case

__all__ = ["CASE"]


class Folder:
    """A file in a folder that can go away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "out"
        self._away = folder / "away"
        self._folder.mkdir()
        self._path = self._folder / "events.ndjson"
        self.options = {"path": str(self._path)}

    def _lines(self) -> list[bytes]:
        return self._path.read_bytes().splitlines() if self._path.exists() else []

    def taken(self) -> Sequence[str]:
        return [msgspec.json.decode(line)["metadata"]["uid"] for line in self._lines()]

    def body(self, uid: str) -> bytes:
        return next(line for line in self._lines() if msgspec.json.decode(line)["metadata"]["uid"] == uid)

    async def trouble(self, name: str) -> None:
        self._folder.rename(self._away)
        if name == "a file where the folder was":
            self._folder.touch()

    async def recover(self) -> None:
        if self._folder.is_file():
            self._folder.unlink()
        self._away.rename(self._folder)

    def refuse(self, uids: Sequence[str]) -> None:
        raise AssertionError("a file refuses nothing")


@asynccontextmanager
async def play(folder: Path) -> AsyncIterator[Folder]:
    yield Folder(folder)


CASE = Case(
    kind="file",
    play=play,
    troubles=("the folder is gone", "a file where the folder was"),
    idempotent=False,
    refuses=False,
)
