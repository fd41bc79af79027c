"""`mxhub backup`: everything a running hub holds, into one file."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import click

from hub.app.backup.manifest import BackupError, Manifest
from hub.cli.client import Client
from hub.cli.connection import connected
from hub.cli.errors import Fails, Usage
from hub.cli.render import clock, print_json, terminal

__all__ = ["Meter", "backup", "shown"]

_SILENT_S = 900.0
"""As long may the log's server take to write its copy."""
_SHOWN_EVERY_S = 0.5
_MB = 1_000_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Overwrite the file when it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@connected
def backup(client: Client, file: Path, force: bool, as_json: bool) -> None:
    """Write everything the running hub holds to FILE (0600), while it goes on working.

    The file appears under its name only when all of it was read back and every checksum holds. It holds
    every event that was acknowledged before the command began: log, queues, retries, parked events, cursors,
    archive, configuration. It is as confidential as the mail that it tells of.
    """
    if file.exists() and not force:
        raise Usage(f"{file} exists: name another file, or add --force")
    if not file.parent.is_dir():
        raise Usage(f"{file.parent} is no folder that is there: make it first, or name another")
    part = file.with_name(file.name + ".part")
    try:
        _receive(client.pieces("/api/v1/backup", timeout_s=_SILENT_S), part, Meter("received"))
        manifest = _checked(part)
        part.replace(file)
        _sync(file.parent)
    except OSError as error:
        where = file.parent if error.filename == str(part) else error.filename or file
        raise Usage(f"{where}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    if as_json:
        print_json({"file": str(file), **shown(manifest)})
        return
    click.echo(
        f"{file}: {manifest.events} archived events, every event up to {manifest.seq},"
        f" {manifest.size // _MB + 1} MB"
    )
    for name in manifest.left_out:
        click.echo(f"  left out: {name}")


def _receive(pieces: Iterable[bytes], part: Path, meter: "Meter") -> None:
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out, meter:
        for piece in pieces:
            out.write(piece)
            meter.add(len(piece))
        out.flush()
        os.fsync(out.fileno())


def _checked(part: Path) -> Manifest:
    """What was written, read back."""
    from hub.app.backup.restore import inspect

    try:
        with Meter("checked") as meter:
            return inspect(part, meter.add)
    except BackupError as error:
        raise Fails(f"{error}; nothing was kept") from error


def shown(manifest: Manifest) -> dict[str, object]:
    """A manifest as JSON shows it."""
    return {
        "created": clock(manifest.created_ms),
        "created_ms": manifest.created_ms,
        "mxhub": manifest.mxhub,
        "server": f"{manifest.server} {manifest.server_version}",
        "seq": manifest.seq,
        "archived": manifest.archived,
        "events": manifest.events,
        "bytes": manifest.size,
        "members": len(manifest.members),
        "left_out": list(manifest.left_out),
    }


class Meter:
    """How far it is, for whoever watches a terminal."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._bytes = 0
        self._next = 0.0
        self._watched = terminal()

    def add(self, size: int) -> None:
        """So many bytes more."""
        self._bytes += size
        if self._watched and time.monotonic() >= self._next:
            self._next = time.monotonic() + _SHOWN_EVERY_S
            click.echo(f"\r{self._verb} {self._bytes // _MB} MB ", nl=False, err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._watched:
            click.echo("\r\x1b[K", nl=False, err=True)


def _sync(folder: Path) -> None:
    with _opened(folder) as handle:
        os.fsync(handle)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)
