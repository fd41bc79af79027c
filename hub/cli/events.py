"""`mxhub events`, `mxhub event` and `mxhub trail`."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
import orjson

from hub.cli.client import Client, segment
from hub.cli.connection import connected
from hub.cli.errors import Fails, Unreachable
from hub.cli.render import clock, print_json, print_line, print_table, safe
from hub.cli.selection import filters, params_of

__all__ = ["event", "events", "trail"]

_WAIT_S = 20
_RECONNECT_S = 60.0
_COLUMNS = ("time", "severity", "source", "code", "disposition", "from", "to", "what", "id")


@click.command()
@filters
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="At most so many; 0 = all."
)
@click.option("--follow", is_flag=True, help="Oldest first, then go on as events are recorded (Ctrl-C ends).")
@click.option("--json", "as_json", is_flag=True, help="One OCSF object a line.")
@connected
def events(client: Client, limit: int, follow: bool, as_json: bool, **selected: Any) -> None:
    """Search the archive, newest first.

    With --follow it begins with the last events recorded (--limit of them, or all since --since) and goes on.
    """
    params = params_of(selected)
    if follow:
        _follow(client, params, limit, as_json)
        return
    found = client.pages("/api/v1/events", params, limit or None)
    if as_json:
        for one in found:
            print_line(orjson.dumps(one))
        return
    print_table(_COLUMNS, (_row(one) for one in found))


@click.command()
@click.argument("event_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
@connected
def event(client: Client, event_id: str, as_json: bool) -> None:
    """Show one event: its OCSF form, the payload as received, and what became of it at every connector."""
    shown = client.get(f"/api/v1/events/{segment(event_id)}").data
    if as_json:
        print_json(shown)
        return
    click.echo(f"event {shown['id']}, seq {shown['seq']}, recorded {shown['recorded']}\n")
    print_table(("connector", "fate"), sorted(shown["fates"].items()))
    ocsf = {name: value for name, value in shown["event"].items() if name != "raw_data"}
    click.echo("\n" + _indented(orjson.dumps(ocsf, option=orjson.OPT_INDENT_2)))
    if shown["raw"] is not None:
        click.echo("\nas received:\n" + _indented(shown["raw"].encode("utf-8", "replace")))


@click.command()
@click.argument("message_id", metavar="MESSAGE-ID")
@click.option("--json", "as_json", is_flag=True, help="One OCSF object a line, oldest first.")
@connected
def trail(client: Client, message_id: str, as_json: bool) -> None:
    """Everything that happened to one message, oldest first, over all sources."""
    found = list(client.pages("/api/v1/events", {"message_id": message_id}, None))
    if not found:
        raise Fails(f"no archived event has the Message-ID {safe(message_id)}")
    found.sort(key=lambda one: one.get("time", 0))
    if as_json:
        for one in found:
            print_line(orjson.dumps(one))
        return
    print_table(_COLUMNS, (_row(one) for one in found))


def _follow(client: Client, params: Mapping[str, Any], limit: int, as_json: bool) -> None:
    asked = dict(params)
    if "since" not in params:
        asked["tail"] = limit or 10_000_000
    try:
        for batch in _feed(client, asked):
            if as_json:
                print_line(b"".join(orjson.dumps(one) + b"\n" for one in batch))
            else:
                _print_plain(batch)
    except KeyboardInterrupt:
        click.echo(err=True)


def _feed(client: Client, asked: dict[str, Any]) -> Iterator[list[Any]]:
    """Batches without an end. A hub that restarts is waited for, and the feed goes on where it was."""
    asked |= {"limit": 500, "wait": 0}
    failing_since: float | None = None
    while True:
        try:
            page = client.get("/api/v1/feed", asked)
        except Unreachable:
            failing_since = failing_since or time.monotonic()
            if "after" not in asked or time.monotonic() - failing_since > _RECONNECT_S:
                raise
            time.sleep(1.0)
            continue
        failing_since = None
        asked.pop("tail", None)
        asked |= {"after": page.pagination["next_cursor"], "wait": _WAIT_S}
        if page.data:
            yield page.data


def _print_plain(batch: Iterable[Mapping[str, Any]]) -> None:
    for one in batch:
        when, severity, source, code, disposition, sender, to, what, uid = (safe(cell) for cell in _row(one))
        who = f"{sender} -> {to}" if sender or to else ""
        parts = (when, f"{severity:<13}", source, code, disposition, who, what, uid)
        click.echo("  ".join(part for part in parts if part))


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    metadata, email = _mapping(one.get("metadata")), _mapping(one.get("email"))
    to = one.get("to") or email.get("to") or ""
    return (
        clock(one.get("time")),
        str(one.get("severity") or one.get("severity_id") or ""),
        str(metadata.get("log_provider") or ""),
        str(metadata.get("event_code") or ""),
        str(one.get("disposition") or ""),
        str(one.get("from") or email.get("from") or ""),
        " ".join(map(str, to)) if isinstance(to, list) else str(to),
        str(email.get("subject") or one.get("message") or one.get("class_name") or ""),
        str(metadata.get("uid") or ""),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _indented(text: bytes) -> str:
    return "\n".join("  " + safe(line) for line in text.decode("utf-8", "replace").split("\n"))
