"""`mxhub connectors`: where events go, and what holds them up."""

from typing import Any

import click

from hub.cli.client import Client, segment
from hub.cli.connection import connected, where
from hub.cli.render import print_json, print_table, safe

__all__ = ["connectors"]

_COLUMNS = ("connector", "kind", "state", "reason", "lag_events", "lag_s")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group(invoke_without_command=True)
@_json
@where
@click.pass_context
def connectors(ctx: click.Context, /, **options: Any) -> None:
    """Every connector with its state and how far it is behind (as `ls`), and what to do about one."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls, **options)


@connectors.command()
@_json
@connected
def ls(client: Client, as_json: bool) -> None:
    """List them: state is ok, blocked, paused or orphaned."""
    rows = client.get("/api/v1/connectors").data
    if as_json:
        print_json(rows)
        return
    print_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])


@connectors.command()
@click.argument("name")
@_json
@connected
def pause(client: Client, name: str, as_json: bool) -> None:
    """Send nothing to it until it is resumed; its queue and its retry clocks wait."""
    _act(client, name, "pause", as_json)


@connectors.command()
@click.argument("name")
@_json
@connected
def resume(client: Client, name: str, as_json: bool) -> None:
    """End a pause or a block; the next send is the probe."""
    _act(client, name, "resume", as_json)


@connectors.command()
@click.argument("name")
@click.argument("new")
@_json
@connected
def rename(client: Client, name: str, new: str, as_json: bool) -> None:
    """Give its queue and books a new name, in one step."""
    _act(client, name, "rename", as_json, {"to": new})


@connectors.command()
@click.argument("name")
@_json
@connected
def forget(client: Client, name: str, as_json: bool) -> None:
    """Remove the queue and the books of one that left the configuration."""
    _act(client, name, "forget", as_json)


def _act(client: Client, name: str, verb: str, as_json: bool, body: object = None) -> None:
    done = client.post(f"/api/v1/connectors/{segment(name)}/{verb}", body)
    if as_json:
        print_json(done.data)
    else:
        click.echo(safe(done.message))
