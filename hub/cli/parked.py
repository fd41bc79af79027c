"""`mxhub parked`: events that their destination refused for good, until somebody decides."""

import sys
from typing import Any

import click

from hub.cli.client import Client, segment
from hub.cli.connection import connected
from hub.cli.errors import Usage
from hub.cli.render import print_json, print_table, safe

__all__ = ["parked"]

_COLUMNS = ("id", "connector", "reason", "attempts", "since", "event_id")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_connector = click.option("--connector", help="Only those of one connector.")
_ids = click.argument("ids", nargs=-1, metavar="[ID]...")
_STEP = 1000
"""Ids that the API takes at once."""


@click.group()
def parked() -> None:
    """Events that their destination refused for good, with the reason."""


@parked.command()
@_connector
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@_json
@connected
def ls(client: Client, connector: str | None, limit: int, as_json: bool) -> None:
    """List them."""
    rows = client.get("/api/v1/parked", {"connector": connector, "limit": limit}).data
    if as_json:
        print_json(rows)
        return
    print_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])


@parked.command()
@click.argument("parked_id", metavar="ID")
@_json
@connected
def show(client: Client, parked_id: str, as_json: bool) -> None:
    """One of them with its event."""
    row = client.get(f"/api/v1/parked/{segment(parked_id)}").data
    if as_json:
        print_json(row)
        return
    print_table(("field", "value"), [(name, row[name]) for name in _COLUMNS])
    import orjson

    body = orjson.dumps(row["event"], option=orjson.OPT_INDENT_2).decode()
    click.echo("\n" + "\n".join(safe(line) for line in body.split("\n")))


@parked.command()
@_ids
@click.option("--connector", help="All that this connector has parked.")
@_json
@connected
def replay(client: Client, ids: tuple[str, ...], connector: str | None, as_json: bool) -> None:
    """Send them again, with a fresh count of attempts."""
    _settle(client, "replay", ids, connector, as_json)


@parked.command()
@_ids
@click.option("--connector", help="All that this connector has parked.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@connected
def drop(client: Client, ids: tuple[str, ...], connector: str | None, yes: bool, as_json: bool) -> None:
    """Give them up: they end as dropped (operator). The archive keeps them."""
    if not yes and sys.stdin.isatty():
        which = f"everything that {safe(connector)} has parked" if connector else f"{len(ids)} parked events"
        click.confirm(f"Drop {which}?", abort=True)
    _settle(client, "drop", ids, connector, as_json)


def _settle(client: Client, verb: str, ids: tuple[str, ...], connector: str | None, as_json: bool) -> None:
    if not ids and not connector:
        raise Usage("name ids (see `mxhub parked ls`), or --connector for all that one has parked")
    bodies: list[dict[str, Any]] = [{"ids": ids[at : at + _STEP]} for at in range(0, len(ids), _STEP)]
    if connector:
        bodies.append({"connector": connector})
    count = sum(client.post(f"/api/v1/parked:{verb}", body).data["count"] for body in bodies)
    if as_json:
        print_json({"count": count})
    else:
        click.echo(f"{count} {'sent again' if verb == 'replay' else 'dropped'}")
