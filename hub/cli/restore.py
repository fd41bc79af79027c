"""`mxhub restore`: a back-up into an empty data directory, without a running hub."""

from pathlib import Path

import click

from hub.app.backup.manifest import BackupError, Manifest
from hub.cli.backup import Meter, shown
from hub.cli.connection import configured_data
from hub.cli.errors import Fails, Usage
from hub.cli.render import print_json

__all__ = ["restore"]


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="MXHUB_DATA",
    help="New or empty data directory (default: the configured one, else ./.mxhub).",
)
@click.option("--check", is_flag=True, help="Only hold the file against its checksums; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def restore(file: Path, data: Path | None, check: bool, as_json: bool) -> None:
    """Restore FILE, which `mxhub backup` wrote, into a data directory; `mxhub run` then starts on it.

    Nothing is written before all of FILE was read and every checksum held. Exit code 1 when it does not
    hold, or this mxhub cannot go on from it.
    """
    from hub.app.backup.restore import inspect
    from hub.app.backup.restore import restore as restore_into

    target = data or configured_data()
    try:
        with Meter("read") as meter:
            manifest = inspect(file, meter.add) if check else restore_into(file, target, meter.add)
    except BackupError as error:
        raise Fails(str(error)) from error
    except OSError as error:
        raise Usage(f"{error.filename or target}: {error.strerror or error}") from error
    if as_json:
        print_json({"file": str(file), **({} if check else {"data": str(target)}), **shown(manifest)})
    else:
        _say(manifest, None if check else target)


def _say(manifest: Manifest, target: Path | None) -> None:
    said = f"{manifest.events} archived events, every event up to {manifest.seq}"
    if target is None:
        click.echo(f"whole: {said}, written by mxhub {manifest.mxhub}")
        return
    click.echo(f"restored into {target}: {said}")
    if any(member.name.startswith("config/") for member in manifest.members):
        click.echo(f"its configuration is in {target / 'config'}; put it where you keep yours")
    click.echo(f"next: mxhub run --data {target}")
