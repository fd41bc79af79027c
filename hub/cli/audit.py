"""`mxhub audit verify`: is the audit log of the core what was written? The service may run on meanwhile."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.errors import DOES_NOT_HOLD, Unreachable, Usage
from hub.cli.render import print_json, safe

if TYPE_CHECKING:
    from core.audit.finding import Finding

__all__ = ["audit"]

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def audit() -> None:
    """Check the audit log of the core service."""


@audit.command()
@click.option(
    "--data",
    type=_FOLDER,
    required=True,
    help="The core's data directory: audit.key, anchors and, on SQLite, core.sqlite3.",
)
@click.option("--database", metavar="URL", help="postgresql+asyncpg://... where the log is on PostgreSQL.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one object a finding.")
@click.pass_context
def verify(ctx: click.Context, data: Path, database: str | None, as_json: bool) -> None:
    """Say what was edited, removed, reordered or cut off, and where.

    Exit 0 when the log holds, 1 when it does not.
    """
    found = asyncio.run(_verified(data, database))
    if as_json:
        print_json([_plain(one) for one in found])
    else:
        for one in found:
            click.echo(safe(str(one)))
        click.echo(
            "the audit log holds" if not found else f"{len(found)} findings: the audit log does not hold"
        )
    ctx.exit(DOES_NOT_HOLD if found else 0)


async def _verified(data: Path, url: str | None) -> "Sequence[Finding]":
    from core.audit import keys
    from core.audit.anchors import Anchors
    from core.audit.chain import Chain, WrongKey
    from core.audit.verify import verify as check
    from core.store.database import Database, Unavailable, sqlite_url

    file = data / "core.sqlite3"
    if url is None and not file.exists():
        raise Usage(f"there is no {file}: name the core's data directory, or give --database URL")
    if not _has_key(data):
        raise Usage(f"there is no {data / keys.FILE}: give the key that sealed the log in {keys.VARIABLE}")
    try:
        key = keys.load(data, os.environ)
        chain = Chain(key)
        async with Database(url or sqlite_url(file)) as database:
            async with database.read() as tx:
                await chain.known(tx)
            return await check(database, chain, Anchors(data / "anchors", key))
    except (keys.BadKey, WrongKey) as error:
        raise Usage(str(error)) from error
    except (Unavailable, OSError) as error:
        raise Unreachable(str(error)) from error


def _has_key(data: Path) -> bool:
    """Verifying makes no key: a new one would fit nothing."""
    from core.audit import keys

    given = (keys.VARIABLE, f"{keys.VARIABLE}_FILE")
    return (data / keys.FILE).exists() or any(os.environ.get(name) for name in given)


def _plain(one: "Finding") -> dict[str, object]:
    return {
        "kind": one.kind,
        "tenant": one.tenant,
        "first": one.first,
        "last": one.last,
        "what": one.what,
    }
