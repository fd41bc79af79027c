"""`mxhub capture`: a source's refused requests, for `mxhub verify`."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from hub.cli.client import Client, segment
from hub.cli.connection import connected
from hub.cli.errors import Usage
from hub.cli.render import print_json, safe, terminal

__all__ = ["capture"]

_PAUSE_S = 1.0


@click.command()
@click.argument("source")
@click.option("--minutes", type=click.IntRange(1, 1440), default=10, show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File to write (0600).")
@click.option("--json", "as_json", is_flag=True, help="What was captured as JSON.")
@connected
def capture(client: Client, source: str, minutes: int, output: Path | None, as_json: bool) -> None:
    """Keep the requests of SOURCE that are refused during some minutes, and write them to a file.

    The file (one JSON object a request) has headers and bodies as received, secrets included: only its owner
    can read it. `mxhub verify` says why each was refused. Ctrl-C ends it early and writes what there is.
    """
    begun = datetime.now(UTC)
    target = output or Path(f"capture-{_plain(source)}-{begun:%Y%m%dT%H%M%SZ}.jsonl")
    if target.exists():
        raise Usage(f"{target} exists: name another file with --output")
    job = client.post("/api/v1/captures", {"source": source, "minutes": minutes}, key=uuid4().hex).data
    if not as_json:
        click.echo(
            f"capturing what {safe(source)} is refused until {job['until']} (Ctrl-C ends it early)", err=True
        )
    job = _wait(client, job, minutes * 60, quiet=as_json)
    lines = client.raw(f"/api/v1/captures/{segment(job['id'])}/requests")
    _write(target, lines)
    count = lines.count(b"\n")
    if as_json:
        print_json({"source": source, "requests": count, "file": str(target)})
        return
    click.echo(f"{count} refused requests in {target}")
    if count:
        click.echo(f"next: mxhub verify {target}")


def _wait(client: Client, job: Mapping[str, Any], seconds: float, *, quiet: bool) -> Mapping[str, Any]:
    ends_at = time.monotonic() + seconds
    shown = -1
    try:
        while (left := ends_at - time.monotonic()) > 0:
            job = client.get(f"/api/v1/captures/{segment(job['id'])}").data
            if not quiet and job["requests"] != shown:
                shown = job["requests"]
                _progress(shown, left)
            time.sleep(min(_PAUSE_S, left))
    except KeyboardInterrupt:
        pass
    if not quiet and terminal():
        click.echo(err=True)
    return job


def _progress(requests: int, left_s: float) -> None:
    said = f"{requests} refused so far, {left_s / 60:.0f} min left"
    click.echo(f"\r{said}" if terminal() else said, nl=not terminal(), err=True)


def _write(target: Path, lines: bytes) -> None:
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(lines)
    except OSError as error:
        raise Usage(f"{target}: {error.strerror}") from error


def _plain(source: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in source)[:60]
