"""`mxhub send-test`: does this connector deliver? By the running hub, or from the configuration alone."""

import os
from pathlib import Path
from typing import Any

import click

from hub.cli.client import Refused, segment
from hub.cli.connection import ended, reach, where
from hub.cli.errors import DOES_NOT_HOLD, UNREACHABLE, Unreachable, Usage
from hub.cli.render import print_json, safe

__all__ = ["send_test"]

_ENDS = {"delivered": 0, "retry": DOES_NOT_HOLD, "rejected": DOES_NOT_HOLD, "blocked": UNREACHABLE}


@click.command("send-test")
@click.argument("name")
@click.option(
    "--kind", default="quarantine.added", show_default=True, help="Kind of alert that the event is made as."
)
@click.option("--offline", is_flag=True, help="Send from here by the configuration, even if a hub runs.")
@click.option("--config", type=click.Path(path_type=Path), envvar="MXHUB_CONFIG", help="Configuration file.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
@where
@click.pass_context
def send_test(
    ctx: click.Context,
    name: str,
    kind: str,
    offline: bool,
    config: Path | None,
    as_json: bool,
    data: Path | None,
    url: str | None,
) -> None:
    """Send one made event, marked as a test, to connector NAME. Queues and books are not touched.

    Exit 0 when it was delivered, 1 when it was not taken, 3 when the destination is down or refuses us.
    Without a running hub it is sent from here, as the configuration says.
    """
    found = None if offline else _by_the_hub(name, kind, data, url, or_none=url is None)
    tested, said = found or _from_here(name, kind, config)
    if as_json:
        print_json(tested)
    else:
        click.echo(safe(said))
    ctx.exit(_ENDS[tested["outcome"]])


Answer = tuple[dict[str, Any], str]


def _by_the_hub(name: str, kind: str, data: Path | None, url: str | None, *, or_none: bool) -> Answer | None:
    """`None` when no hub runs here and that is no error."""
    try:
        with reach(data, url) as client:
            done = client.post(f"/api/v1/connectors/{segment(name)}/send-test", {"kind": kind})
    except Refused as error:
        raise (Usage(str(error)) if error.code == "NOT_FOUND" else ended(error)) from error
    except Unreachable:
        if or_none:
            return None
        raise
    return done.data, done.message


def _from_here(name: str, kind: str, config: Path | None) -> Answer:
    import asyncio
    import time
    from dataclasses import asdict

    from hub.api.send_test import in_words
    from hub.app.send_test import send_test as send
    from hub.cli.product import load_product
    from hub.config.explain import did_you_mean
    from hub.registry import Registry
    from hub.sdk.alerts import KINDS

    settings = load_product(config, os.environ).settings
    if kind not in KINDS:
        raise Usage(f"unknown kind of event {kind!r}{did_you_mean(kind, list(KINDS))}")
    if name not in settings.connectors:
        raise Usage(f"unknown connector {name!r}{did_you_mean(name, list(settings.connectors))}")
    now_ms = time.time_ns() // 1_000_000
    tested = asyncio.run(send(name, kind, settings, Registry(), now_ms=now_ms))
    return asdict(tested), in_words(tested)
