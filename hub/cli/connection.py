"""What every client command shares: where the hub is, and how trouble ends."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hub.cli.client import Client, Refused, connect
from hub.cli.errors import Fails, MxhubError, Unreachable, Usage

__all__ = ["configured_data", "connected", "ended", "reach", "where"]

R = TypeVar("R")

_HINTS = {
    "UNAUTHORIZED": " (set MXHUB_TOKEN)",
    "FORBIDDEN": " (MXHUB_TOKEN holds a key without that right)",
}
_ENDS: dict[str, type[MxhubError]] = {
    "VALIDATION_ERROR": Usage,
    "UNAUTHORIZED": Usage,
    "FORBIDDEN": Usage,
    "SERVICE_UNAVAILABLE": Unreachable,
    "RATE_LIMITED": Unreachable,
    "": Unreachable,
}


def where(command: Callable[..., R]) -> Callable[..., R]:
    """Adds `--data` and `--url`."""
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="MXHUB_DATA",
        help="Data directory of the running hub (default: the configured one, else ./.mxhub).",
    )
    url = click.option(
        "--url", help="A remote hub, such as https://hub.example:8787; its token in MXHUB_TOKEN."
    )
    return data(url(command))


def connected(command: Callable[..., R]) -> Callable[..., R]:
    """Gives a command `--data` and `--url` and calls it with a client before its other arguments."""

    @where
    @functools.wraps(command)
    def wrapped(*args: Any, data: Path | None, url: str | None, **options: Any) -> R:
        try:
            with reach(data or _inherited("data"), url or _inherited("url")) as client:
                return command(client, *args, **options)
        except Refused as error:
            raise ended(error) from error

    return wrapped


def ended(error: Refused) -> MxhubError:
    """How a command ends that the hub refused."""
    return _ENDS.get(error.code, Fails)(str(error) + _HINTS.get(error.code, ""))


def _inherited(name: str) -> Any:
    """What was given to the group: `mxhub connectors --data DIR ls`."""
    parent = click.get_current_context().parent
    return parent.params.get(name) if parent else None


def reach(data: Path | None, url: str | None) -> Client:
    """Raises `Unreachable`; a URL that is none is a usage error."""
    try:
        return connect(url=url, data=data or configured_data())
    except ValueError as error:
        raise Usage(str(error)) from error


def configured_data() -> Path:
    """`data` of the configuration file where there is one; read only when the default has no running hub."""
    default = Path(".mxhub")
    config = Path(os.environ.get("MXHUB_CONFIG") or "mxhub.yaml")
    if (default / "runtime.json").exists() or not config.is_file():
        return default
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        said = YAML(typ="safe", pure=True).load(config)
    except (OSError, YAMLError, UnicodeDecodeError):
        return default
    named = said.get("data") if isinstance(said, dict) else None
    return Path(os.path.expandvars(named)) if isinstance(named, str) else default
