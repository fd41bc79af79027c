"""`mxhub replay`: archived events to a connector, again or for the first time."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import click

from hub.cli.client import Client, segment
from hub.cli.connection import connected
from hub.cli.errors import Fails, Usage
from hub.cli.render import print_json, print_table, safe, terminal
from hub.cli.selection import filters, params_of

__all__ = ["replay"]

_COLUMNS = ("id", "connector", "state", "matched", "pushed", "delivered", "parked", "created")
_PAUSE_S = 0.25
_PLAIN_EVERY_S = 5.0
_OVER = {"done", "cancelled", "dry-run"}
Job = Mapping[str, Any]


@click.command()
@filters
@click.option("--to", "connector", help="The connector that gets the events.")
@click.option("--dry-run", is_flag=True, help="Only say how many events it would be.")
@click.option("--detach", is_flag=True, help="Start it and return; the hub goes on with it.")
@click.option("--list", "listing", is_flag=True, help="Show all replays instead.")
@click.option("--cancel", metavar="ID", help="Stop a replay instead; what waits ends as dropped.")
@click.option("--json", "as_json", is_flag=True, help="The job as JSON when it is over.")
@connected
def replay(
    client: Client,
    connector: str | None,
    dry_run: bool,
    detach: bool,
    listing: bool,
    cancel: str | None,
    as_json: bool,
    **selected: Any,
) -> None:
    """Send archived events that match to a connector, and show how far it is.

    The replay has books of its own (`connector@job`). Events recorded after its start are not part of it.
    Ctrl-C only stops watching.
    """
    if listing:
        _print_jobs(client.get("/api/v1/replays").data, as_json)
        return
    if cancel:
        _print_jobs([client.post(f"/api/v1/replays/{segment(cancel)}/cancel").data], as_json)
        return
    if not connector:
        raise Usage("say where the events go: --to CONNECTOR (see `mxhub connectors`)")
    body = {**params_of(selected), "connector": connector, "dry_run": dry_run}
    job = client.post("/api/v1/replays", _as_body(body), key=uuid4().hex).data
    if not (dry_run or detach):
        job = _watch(client, job, quiet=as_json)
    _say(job, as_json)


def _as_body(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in body.items()}


def _watch(client: Client, job: Job, *, quiet: bool) -> Job:
    def ask() -> Job:
        shown: Job = client.get(f"/api/v1/replays/{segment(job['id'])}").data
        return shown

    try:
        if quiet:
            return _wait(ask, job, lambda _: None)
        return _bar(ask, job) if terminal() else _plain(ask, job)
    except KeyboardInterrupt:
        click.echo(f"\nreplay {job['id']} goes on; `mxhub replay --cancel {job['id']}` stops it", err=True)
        raise SystemExit(130) from None


def _wait(ask: Callable[[], Job], job: Job, show: Callable[[Job], None]) -> Job:
    while job["state"] not in _OVER:
        show(job)
        time.sleep(_PAUSE_S)
        job = ask()
    show(job)
    return job


def _plain(ask: Callable[[], Job], job: Job) -> Job:
    last = [0.0]

    def show(now: Job) -> None:
        if now["state"] in _OVER or time.monotonic() - last[0] >= _PLAIN_EVERY_S:
            last[0] = time.monotonic()
            done = now["delivered"] + now["parked"]
            click.echo(
                f"replay {now['id']}: {done} of {now['matched']}, {now['parked']} parked, {now['state']}"
            )

    return _wait(ask, job, show)


def _bar(ask: Callable[[], Job], job: Job) -> Job:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(f"to {safe(job['connector'])}", total=job["matched"], state=job["state"])

        def show(now: Job) -> None:
            progress.update(task, completed=now["delivered"] + now["parked"], state=now["state"])

        return _wait(ask, job, show)


def _say(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(job)
    elif job["state"] == "dry-run":
        click.echo(f"{job['matched']} events match; nothing was sent")
    elif job["state"] in _OVER:
        click.echo(f"{job['delivered']} of {job['matched']} events delivered, {job['parked']} parked")
    else:
        click.echo(f"replay {job['id']} runs: {job['matched']} events to {safe(job['connector'])}")
    if job["state"] == "cancelled":
        raise Fails("the replay was cancelled")


def _print_jobs(jobs: list[Job], as_json: bool) -> None:
    if as_json:
        print_json(jobs)
        return
    print_table(_COLUMNS, [[job[name] for name in _COLUMNS] for job in jobs])
