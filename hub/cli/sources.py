"""`mxhub sources`: what comes in, and from whom nothing does."""

import click

from hub.cli.client import Client
from hub.cli.connection import connected
from hub.cli.render import print_json, print_table

__all__ = ["sources"]

_COLUMNS = ("source", "vendor", "tenant", "state", "last_event", "last_poll", "errors", "unknown", "streams")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one object a source.")
@connected
def sources(client: Client, as_json: bool) -> None:
    """Every source with its last event, its last poll, what went wrong, and where its vendor has to send."""
    rows = client.get("/api/v1/sources").data
    if as_json:
        print_json([{name: row[name] for name in _COLUMNS} for row in rows])
        return
    shown = [
        [*(row[name] for name in _COLUMNS[:-1]), _streams(row["streams"]), row["reason"], row["webhook_url"]]
        for row in rows
    ]
    print_table((*_COLUMNS, "reason", "webhook url"), shown)


def _streams(streams: list[dict[str, str]]) -> str:
    return " ".join(one["stream"] for one in streams)
