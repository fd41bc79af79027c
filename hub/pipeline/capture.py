"""Captures: for a limited time, a source's refused requests are kept, so that `mxhub verify` can say why.

A capture is a JSON-lines file in `<data>/captures`, readable by its owner only, with at most 200 requests
and 16 MiB.
What is captured holds the sender's secrets (headers) and mail data: it is deleted after a day.
"""

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import structlog

__all__ = ["MAX_BYTES", "MAX_MINUTES", "MAX_REQUESTS", "Capture", "Captures", "forget_captures"]

MAX_REQUESTS = 200
MAX_BYTES = 16 * 1024 * 1024
MAX_MINUTES = 24 * 60
_KEEP_MS = 24 * 3600 * 1000
_logger = structlog.get_logger("hub.pipeline.capture")


@dataclass(frozen=True, slots=True)
class Capture:
    id: str
    source: str
    until_ms: int
    requests: int
    bytes: int


class Captures:
    """Files of one data directory; the process that serves ingest owns them."""

    def __init__(self, folder: Path, *, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._now_ms = now_ms
        self._open: dict[str, Capture] = {}
        """Running captures by source, so that a request costs one look-up."""

    async def start(self, source: str, minutes: int) -> Capture:
        """Begin (or prolong) the capture of a source.

        Raises `ValueError` when `minutes` is not 1 to 1,440.
        """
        if not 1 <= minutes <= MAX_MINUTES:
            raise ValueError(f"a capture lasts 1 to {MAX_MINUTES} minutes, not {minutes}")
        now = self._now_ms()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep(now)
        capture = Capture(f"{source}.{now}", source, now + minutes * 60_000, 0, 0)
        os.close(os.open(self._path(capture.id), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        self._open[source] = capture
        return capture

    async def list(self) -> Sequence[Capture]:
        """Every capture that is still held, oldest first."""
        if not self._folder.is_dir():
            return []
        running = {capture.id: capture for capture in self._open.values()}
        found = []
        for path in sorted(self._folder.glob("*.jsonl")):
            source = path.stem.rpartition(".")[0]
            lines = path.read_bytes().count(b"\n")
            closed = Capture(path.stem, source, int(path.stat().st_mtime * 1000), lines, path.stat().st_size)
            found.append(running.get(path.stem, closed))
        return found

    async def read(self, capture_id: str) -> bytes | None:
        """The capture's lines, or `None` when there is none of that id."""
        path = self._path(capture_id)
        if path.parent != self._folder or not path.is_file():
            return None
        return path.read_bytes()

    def refused(self, source: str, reason: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a refused request when its source is being captured."""
        capture = self._open.get(source)
        if capture is None:
            return
        if self._now_ms() > capture.until_ms:
            del self._open[source]
            return
        if capture.requests >= MAX_REQUESTS or capture.bytes + len(body) > MAX_BYTES:
            return
        line = orjson.dumps(
            {
                "at_ms": self._now_ms(), "source": source, "reason": reason,
                "headers": {_text(name): _text(value) for name, value in headers.items()},
                "body_b64": base64.b64encode(body).decode(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )  # fmt: skip
        size = capture.bytes + len(line)
        if size <= MAX_BYTES and self._write(capture, line):
            self._open[source] = replace(capture, requests=capture.requests + 1, bytes=size)

    def _write(self, capture: Capture, line: bytes) -> bool:
        """Whether it is kept; a capture that cannot be written ends, the door goes on."""
        try:
            with self._path(capture.id).open("ab") as file:
                file.write(line)
        except OSError as error:
            del self._open[capture.source]
            _logger.warning("hub.capture.ended", source=capture.source, error=str(error))
            return False
        return True

    def _path(self, capture_id: str) -> Path:
        return self._folder / f"{Path(capture_id).name}.jsonl"

    def _sweep(self, now: int) -> None:
        for path in self._folder.glob("*.jsonl"):
            if path.stat().st_mtime * 1000 < now - _KEEP_MS:
                path.unlink(missing_ok=True)


def forget_captures(folder: Path, source: str) -> int:
    """Remove every capture of a source; one that runs goes on empty. Returns how many there were."""
    paths = [path for path in folder.glob("*.jsonl") if path.stem.rpartition(".")[0] == source]
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _text(value: str) -> str:
    """Header bytes that are no UTF-8 arrive as lone surrogates, which JSON cannot hold."""
    return value.encode(errors="replace").decode()
