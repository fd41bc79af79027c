"""`mxhub config`: the configuration as it is in force, its schema for editors, and sealing of secrets."""

import os
import sys
from pathlib import Path

import click

from hub.cli.errors import Usage
from hub.cli.render import print_json

__all__ = ["config"]


@click.group()
def config() -> None:
    """Show, seal and describe the configuration."""


@config.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), envvar="MXHUB_CONFIG", help="Configuration file."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of YAML.")
def show(path: Path | None, as_json: bool) -> None:
    """Every setting that is in force, defaults included, secrets masked."""
    from hub.cli.product import load_product
    from hub.config.shown import shown

    data = shown(load_product(path, os.environ).settings)
    if as_json:
        print_json(data)
        return
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed as None there
    yaml.dump(data, sys.stdout)


@config.command()
@click.option("--json", "as_json", is_flag=True, help="On one line; the schema is JSON either way.")
def schema(as_json: bool) -> None:
    """The JSON Schema of the file, for editors: mxhub config schema > mxhub.schema.json."""
    import orjson

    from hub.cli.product import Product
    from hub.config.load import installed
    from hub.config.schema import json_schema

    found = json_schema(installed(), Product)
    if as_json:
        print_json(found)
    else:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))


@config.command()
@click.option("--new-key", is_flag=True, help="Print a fresh key for MXHUB_SEAL_KEYS instead.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of the bare text.")
def seal(new_key: bool, as_json: bool) -> None:
    """Seal a secret with the first key of MXHUB_SEAL_KEYS; it is asked for, or read from standard input."""
    from hub.config import seal as sealing

    if new_key:
        found = {"key": sealing.new_key()}
    else:
        try:
            found = {"sealed": sealing.seal(_secret(), os.environ)}
        except ValueError as error:
            raise Usage(str(error)) from error
    if as_json:
        print_json(found)
    else:
        click.echo(next(iter(found.values())))


def _secret() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Secret", hide_input=True, confirmation_prompt=True, err=True))
    secret = sys.stdin.read().rstrip("\r\n")
    if not secret:
        raise Usage("nothing to seal: give the secret on standard input")
    return secret
