"""`mxhub export`: events into a file, with a manifest that says what is in it."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from hub.cli.client import Client
from hub.cli.connection import connected
from hub.cli.errors import Fails, Usage
from hub.cli.render import print_json
from hub.cli.selection import filters, params_of

__all__ = ["export"]

_PREFIXES = {"ndjson": b'{"mxhub_manifest":', "csv": b"#mxhub_manifest,"}


@click.command()
@filters
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write (0600).",
)
@click.option("--force", is_flag=True, help="Overwrite the file when it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@connected
def export(client: Client, form: str, output: Path, force: bool, as_json: bool, **selected: Any) -> None:
    """Write every event that matches to FILE, and its manifest to FILE.manifest.json.

    The manifest has the query, the count, the SHA-256 of the file and the gaps (what retention or an erasure
    took out of the range). The file appears under its name only when all of it is here and the SHA-256 holds.
    """
    if output.exists() and not force:
        raise Usage(f"{output} exists: name another file, or add --force")
    part = output.with_name(output.name + ".part")
    params = {**params_of(selected), "format": form, "trailer": "true"}
    try:
        with _private(part) as file:
            manifest, digest = _pour(client.lines("/api/v1/export", params), file, _PREFIXES[form])
        if digest != manifest["sha256"]:
            raise Fails(
                f"the SHA-256 of what arrived is {digest}, the hub's is {manifest['sha256']}: try again"
            )
        with _private(output.with_name(output.name + ".manifest.json")) as file:
            file.write(orjson.dumps({"file": output.name, **manifest}, option=orjson.OPT_INDENT_2) + b"\n")
        part.replace(output)
    except OSError as error:
        raise Usage(f"{error.filename or output}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    _say(manifest, output, as_json)


def _pour(lines: Iterable[bytes], file: BinaryIO, prefix: bytes) -> tuple[dict[str, Any], str]:
    """All but the last line goes to the file. Returns the manifest and the SHA-256 of what was written."""
    digest = hashlib.sha256()
    held = b""
    for line in lines:
        digest.update(held)
        file.write(held)
        held = line
    if not held.startswith(prefix) or not held.endswith(b"\n"):
        raise Fails("the export broke off before its end; nothing was kept. Try again, or a shorter range.")
    said = orjson.loads(held[len(prefix) :] if prefix.startswith(b"#") else held)
    file.flush()
    os.fsync(file.fileno())
    return said.get("mxhub_manifest", said), digest.hexdigest()


def _private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _say(manifest: dict[str, Any], output: Path, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(output), **manifest})
        return
    click.echo(f"{manifest['count']} events in {output}, sha256 {manifest['sha256']}")
    for gap in manifest["gaps"]:
        click.echo(f"  gap: {gap.get('from_seq')} to {gap.get('to_seq')}: {gap.get('reason')}")
