"""`mxhub books`: does every recorded event have one fate per connector?"""

import click

from hub.cli.client import Client
from hub.cli.connection import connected
from hub.cli.errors import Fails
from hub.cli.render import print_json, print_table

__all__ = ["books"]

_FIELDS = ("connector", "recorded", "delivered", "filtered", "dropped", "parked", "pending", "blocked")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one object a connector.")
@connected
def books(client: Client, as_json: bool) -> None:
    """The books: recorded = delivered + filtered + dropped + parked + pending, per connector.

    Exit code 1 when they do not balance.
    """
    rows = client.get("/api/v1/books").data
    if as_json:
        print_json([{name: row[name] for name in _FIELDS} for row in rows])
    else:
        print_table(_FIELDS, [[row[name] for name in _FIELDS] for row in rows])
    wrong = [row["connector"] for row in rows if not row["balanced"]]
    if wrong:
        raise Fails(f"the books of {', '.join(wrong)} do not balance")
    if not as_json:
        click.echo("the books balance")
