"""`mxhub licence`: a key that signs licences of the core, and licence files; no hub needs to run."""

import os
import secrets
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hub.cli.errors import Usage
from hub.cli.render import print_json, safe

__all__ = ["licence"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group()
def licence() -> None:
    """Make a key that signs licences of the core, and sign one."""


@licence.command("new-key")
@click.argument("file", type=_FILE)
@_json
def new_key(file: Path, as_json: bool) -> None:
    """Write a new private key to FILE (mode 0600), and print the public one for `core: licence_keys`.

    A file that is there already is never overwritten.
    """
    from hub.sdk.ed25519 import public_of

    private = "whsk_" + b64encode(secrets.token_bytes(32)).decode()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(private + "\n")
    except OSError as error:
        raise Usage(f"{file}: {error.strerror or error}") from error
    public = public_of(private.encode())
    if as_json:
        print_json({"file": str(file), "public_key": public})
    else:
        click.echo(public)


@licence.command()
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, required=True, help="The private key that `new-key` wrote.")
@click.option("--holder", required=True, help="Whom it is for.")
@click.option("--tier", default="standard", show_default=True, help="Its name for what they have.")
@click.option("--max-domains", type=click.IntRange(0, 10**6), required=True, help="How many may be filtered.")
@click.option("--valid-until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Its last day, UTC.")
@click.option("--id", "licence_id", default=None, help="Its id (default: a new one).")
@_json
def sign(file: Path, key: Path, as_json: bool, licence_id: str | None, **given: Any) -> None:
    """Write a signed licence to FILE, in the place of one that is there: `core: licence_file`."""
    from hub.sql.ids import new_id

    until = given["valid_until"].replace(hour=23, minute=59, second=59, tzinfo=UTC)
    body = {
        "id": licence_id or new_id("lic"),
        "holder": given["holder"],
        "tier": given["tier"],
        "max_domains": given["max_domains"],
        "issued_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "valid_until": until.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    _write(file, _signed(body, key))
    if as_json:
        print_json(body)
    else:
        click.echo(f"{safe(body['id'])}: {safe(body['holder'])}, valid until {body['valid_until']}")


def _signed(body: dict[str, Any], key: Path) -> bytes:
    """Read again before it is given away: what the core would refuse is no licence."""
    from core.detectors.licence_file import BadLicence, read, signed
    from hub.sdk.ed25519 import public_of

    try:
        private = key.read_text().strip()
        made = signed(body, private)
        read(made, [public_of(private.encode())])
    except BadLicence as error:
        raise Usage(str(error)) from error
    except (OSError, ValueError) as error:
        raise Usage(f"{key}: {getattr(error, 'strerror', None) or error}") from error
    return made


def _write(file: Path, made: bytes) -> None:
    """At once: the core never reads half of one."""
    draft = file.with_name(f"{file.name}.draft")
    try:
        draft.write_bytes(made + b"\n")
        draft.replace(file)
    except OSError as error:
        raise Usage(f"{file}: {error.strerror or error}") from error
