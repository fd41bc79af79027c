"""`mxhub tenants`: whose events there are, making and erasing one of them, and what is on record of it."""

import getpass
import json
import time
from collections.abc import Mapping
from typing import Any

import click

from hub.cli.client import Client, segment
from hub.cli.connection import connected, where
from hub.cli.errors import Fails
from hub.cli.render import print_json, print_table, safe

__all__ = ["tenants"]

_COLUMNS = ("tenant", "state", "events", "sources")
_RECORD = ("id", "tenant", "asked_by", "done", "events", "digest", "verified")
_PAUSE_S = 0.5
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
Shown = Mapping[str, Any]


@click.group(invoke_without_command=True)
@_json
@where
@click.pass_context
def tenants(ctx: click.Context, /, **options: Any) -> None:
    """Whose events there are (as `ls`); making and erasing one of them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls, **options)


@tenants.command()
@_json
@connected
def ls(client: Client, as_json: bool) -> None:
    """List them: state is open, erasing or erased (closed until it is reopened)."""
    rows = client.get("/api/v1/tenants").data
    if as_json:
        print_json(rows)
        return
    shown = [{**row, "sources": ", ".join(row["sources"])} for row in rows]
    print_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in shown])


@tenants.command()
@click.argument("tenant")
@click.option("--admin", "login", required=True, metavar="LOGIN", help="The address of who administers it.")
@_json
@connected
def add(client: Client, tenant: str, login: str, as_json: bool) -> None:
    """Make a tenant of the core beside the hub, and a token for its first administrator.

    Asked again while nobody has come, it gives a new token, and the one before is worth nothing.
    """
    made = client.post("/api/v1/tenants", {"tenant": tenant, "administrator": login}).data
    if as_json:
        print_json(made)
        return
    click.echo(
        f"{safe(made['tenant'])}: until {made['expires_at']} {safe(made['administrator'])} can come in"
    )
    said = {"token": made["token"], "login": made["administrator"]}
    click.echo(f'POST {made["setup_url"]} {safe(json.dumps(said)[:-1])}, "password": ...}}')


@tenants.command()
@click.argument("tenant")
@click.option("--yes", is_flag=True, help="Do not ask for the tenant's name again.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased, and what cannot be.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=3600.0,
    show_default=True,
    help="Seconds to watch; then it says what holds the erasure up, which goes on by itself.",
)
@click.option("--asked-by", default=None, help="Who asked for it, for the record (default: your user name).")
@_json
@connected
def erase(
    client: Client,
    tenant: str,
    yes: bool,
    dry_run: bool,
    timeout_s: float,
    asked_by: str | None,
    as_json: bool,
) -> None:
    """Erase all that is here of a tenant, for good, and leave a record.

    Its sources are closed first, and stay closed. Ctrl-C only stops watching.
    """
    path = f"/api/v1/tenants/{segment(tenant)}"
    preview = client.post(f"{path}/erase", {"dry_run": True}).data
    if dry_run:
        _say(preview, as_json)
        return
    if not yes:
        _confirm(tenant, preview)
    client.post(f"{path}/erase", {"asked_by": asked_by or getpass.getuser()})
    _say(_watch(client, path, timeout_s, quiet=as_json), as_json)


@tenants.command()
@click.argument("tenant")
@_json
@connected
def reopen(client: Client, tenant: str, as_json: bool) -> None:
    """Take the events of an erased tenant again, from now on."""
    done = client.post(f"/api/v1/tenants/{segment(tenant)}/reopen")
    if as_json:
        print_json(done.data)
    else:
        click.echo(safe(done.message))


@tenants.command()
@click.option(
    "--verify", is_flag=True, help="Hold each record against the chain; exit 1 when one does not hold."
)
@_json
@connected
def erasures(client: Client, verify: bool, as_json: bool) -> None:
    """What is on record of erasures, oldest first."""
    rows = client.get("/api/v1/erasures", {"verify": verify}).data
    if as_json:
        print_json(rows)
    else:
        print_table(_RECORD, [[row[name] for name in _RECORD] for row in rows])
    broken = [row for row in rows if row["problem"]]
    if broken:
        raise Fails("; ".join(f"{row['tenant']} ({row['id']}): {row['problem']}" for row in broken))


def _confirm(tenant: str, preview: Shown) -> None:
    click.echo(
        f"{preview['events']} events of {safe(tenant)} will be erased. This cannot be taken back.", err=True
    )
    for note in preview["notes"]:
        click.echo(f"  {safe(note)}", err=True)
    if click.prompt("Type the tenant's name to go on", err=True) != tenant:
        raise Fails("that is another name: nothing was erased")


def _watch(client: Client, path: str, timeout_s: float, *, quiet: bool) -> Shown:
    """Until it is on record; one line for each thing it waits for.

    Raises `Fails` naming the holder.
    """
    ends, said = time.monotonic() + timeout_s, ""
    while True:
        now: Shown = client.get(f"{path}/erasure").data
        if now["state"] == "done":
            return now
        line = f"{now['state']}: {now['waits_for'] or 'at work'}"
        if line != said and not quiet:
            said = line
            click.echo(safe(line), err=True)
        if time.monotonic() >= ends:
            raise Fails(
                f"not done after {timeout_s:g} s, {line}. It goes on by itself; see `mxhub tenants erasures`"
            )
        time.sleep(_PAUSE_S)


def _say(item: Shown, as_json: bool) -> None:
    if as_json:
        print_json(item)
        return
    verb = "would be erased" if item["state"] == "dry-run" else "records erased from the archive"
    click.echo(f"{safe(item['tenant'])}: {item['events']} {verb}")
    for place, n in item["places"].items():
        click.echo(f"  {safe(place)}: {n}")
    for note in item["notes"]:
        click.echo(f"  note: {safe(note)}")
