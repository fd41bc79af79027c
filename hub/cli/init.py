"""`mxhub init`: a commented configuration for the vendors and destinations named."""

import os
from pathlib import Path

import click

from hub.cli.errors import Usage
from hub.cli.render import print_json

__all__ = ["init"]

_FIRST_PORT = 8801
"""Of the examples: the hub and the core have 8787 and 8788."""


@click.command()
@click.option(
    "--source", "sources", multiple=True, metavar="VENDOR", help="A vendor to receive from; repeatable."
)
@click.option("--connector", "connectors", multiple=True, metavar="KIND", help="A destination; repeatable.")
@click.option("--core", is_flag=True, help="With the core mail filtering API service beside the hub.")
@click.option(
    "--public-url",
    metavar="URL",
    help="How vendors reach this hub, e.g. https://hub.example; its proxy's address.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("mxhub.yaml"), show_default=True
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written as a JSON object.")
def init(
    sources: tuple[str, ...],
    connectors: tuple[str, ...],
    core: bool,
    public_url: str | None,
    output: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Write a configuration to begin with; what must be filled in is live, the rest commented out."""
    from core.config import CoreConfig
    from hub.config.explain import did_you_mean
    from hub.config.load import installed
    from hub.config.template import template, variables

    registry = installed()
    for words, known, what in (
        (sources, sorted(registry.sources()), "vendor"),
        (connectors, sorted(registry.connectors()), "destination"),
    ):
        for word in words:
            if word not in known:
                raise Usage(f"unknown {what} {word!r}{did_you_mean(word, known)}")
    if public_url is not None and not public_url.startswith(("http://", "https://")):
        raise Usage("--public-url: write a URL that begins with http:// or https://")
    sections = {"core": CoreConfig} if core else {}
    text = template(sources, connectors, registry, public_url and public_url.rstrip("/"), sections)
    text += _dialects() if core else ""
    _write(output, text, force=force)
    names = variables(text)
    if as_json:
        print_json({"file": str(output), "variables": names})
        return
    click.echo(f"wrote {output}")
    if names:
        click.echo(f"set these variables (or write the values another way): {', '.join(names)}")
    click.echo(f"then: mxhub check --config {output}")


def _dialects() -> str:
    """The section `dialects:`, commented out; each on a port of its own."""
    from core.app.dialects import ABOUT

    examples = [
        f"#   {name}: {{listen: 127.0.0.1:{port}}}" for port, name in enumerate(sorted(ABOUT), _FIRST_PORT)
    ]
    width = max(map(len, examples))
    lines = [
        "\n# Vendors' own APIs over the core's data: scripts written for them run with host and key changed.",
        "# dialects:",
        *(
            f"{line:<{width}}  # {about}"
            for line, (_, about) in zip(examples, sorted(ABOUT.items()), strict=True)
        ),
    ]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str, *, force: bool) -> None:
    """The file may come to hold secrets: it is the owner's alone."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Usage(f"{path} is there already; choose another --output, or --force to overwrite it") from None
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}") from error
