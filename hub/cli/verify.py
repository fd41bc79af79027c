"""`mxhub verify`: why does the signature of a webhook not hold? Works offline, on a capture."""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from hub.cli.captured import Request, of_capture, of_files
from hub.cli.errors import DOES_NOT_HOLD, Usage
from hub.cli.render import print_json, safe
from hub.sdk.explain import Explanation, Trial
from hub.sdk.verify import Scheme

__all__ = ["verify"]

Keys = tuple[tuple[Scheme, ...], tuple[bytes, ...]]
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("capture", type=_FILE, required=False)
@click.option(
    "--headers", type=_FILE, help="Headers of one request: a JSON object, or lines of 'Name: value'."
)
@click.option("--body", type=_FILE, help="Its raw body, byte for byte.")
@click.option("--at", metavar="TIME", help="When it came (ISO 8601 or epoch seconds); now when left out.")
@click.option("--source", help="Check as this source of the configuration (a capture names its own).")
@click.option("--vendor", help="Check as this vendor, without a configuration.")
@click.option(
    "--secret-env", multiple=True, metavar="NAME", help="Take a live secret from this variable; repeatable."
)
@click.option("--config", type=_FILE, envvar="MXHUB_CONFIG", help="Configuration file.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one object a request.")
@click.pass_context
def verify(
    ctx: click.Context,
    capture: Path | None,
    headers: Path | None,
    body: Path | None,
    at: str | None,
    source: str | None,
    vendor: str | None,
    secret_env: tuple[str, ...],
    config: Path | None,
    as_json: bool,
) -> None:
    """Say why signatures do not hold: every scheme tried, and what would have matched.

    Give a CAPTURE file, or --headers and --body. Exit 0 when every request verifies, 1 when one does not.
    """
    requests = _requests(capture, headers, body, at)
    asked = {source or one.source for one in requests}
    keys = {name: _keys(name, vendor, secret_env, config) for name in asked}
    explained = [(one, _explain(one, keys[source or one.source])) for one in requests]
    if as_json:
        print_json([_plain(*pair) for pair in explained])
    else:
        _print(explained)
    ctx.exit(0 if all(found.verified for _, found in explained) else DOES_NOT_HOLD)


def _requests(capture: Path | None, headers: Path | None, body: Path | None, at: str | None) -> list[Request]:
    try:
        if capture is not None and headers is None and body is None:
            return of_capture(capture)
        if capture is None and headers is not None and body is not None:
            return [of_files(headers, body, at)]
    except ValueError as error:
        raise Usage(str(error)) from error
    raise Usage("give a capture file, or --headers FILE and --body FILE")


def _keys(source: str, vendor: str | None, secret_env: tuple[str, ...], config: Path | None) -> Keys:
    """Schemes and secrets to check with: the source's, or a vendor's with secrets from the environment."""
    from hub.cli.product import load_product
    from hub.config.load import installed
    from hub.config.signature import schemes_of

    secrets = tuple(_secret(name) for name in secret_env)
    if vendor is not None:
        if vendor not in set(installed().sources()):
            raise Usage(f"unknown vendor {vendor!r}; known: {', '.join(installed().sources())}")
        if not secrets:
            raise Usage("--vendor needs --secret-env NAME: the variable that holds the secret")
        return tuple(installed().source(vendor).schemes), secrets
    settings = load_product(config, os.environ).settings
    found = settings.sources.get(source)
    if found is None:
        known = ", ".join(settings.sources) or "none"
        raise Usage(
            f"no source {source!r} is configured (known: {known}); name one with --source, or use --vendor"
        )
    spec = installed().source(found.vendor)
    schemes = schemes_of(found.signature, spec.adapt(spec, found.options).schemes)
    return schemes, secrets or tuple(secret.get_secret_value().encode() for secret in found.secrets)


def _secret(name: str) -> bytes:
    from hub.config.expand import variable

    try:
        value = variable(os.environ, name)
    except ValueError as error:
        raise Usage(str(error)) from error
    if not value:
        raise Usage(f"the variable {name} is not set; it should hold the secret")
    return value.encode()


def _explain(request: Request, keys: Keys) -> Explanation:
    from hub.sdk.explain import explain

    schemes, secrets = keys
    return explain(schemes, secrets, request.headers, request.body, request.at_s)


def _plain(request: Request, found: Explanation) -> dict[str, object]:
    return {
        "source": request.source,
        "at_ms": int(request.at_s * 1000),
        "refused_because": request.reason,
        "verified": found.verified,
        "trials": [{"scheme": t.scheme, "outcome": t.outcome, "detail": t.detail} for t in found.trials],
        "hints": list(found.hints),
    }


def _print(explained: list[tuple[Request, Explanation]]) -> None:
    """What is alike is told once."""
    groups: dict[tuple[str, Explanation], int] = {}
    for request, found in explained:
        groups[request.source, found] = groups.get((request.source, found), 0) + 1
    for (source, found), count in groups.items():
        what = f"{count} request{'s' if count > 1 else ''}{f' to {source}' if source else ''}"
        click.echo(
            f"{safe(what)}: {'the signature holds' if found.verified else 'the signature does not hold'}"
        )
        for hint in found.hints:
            click.echo(f"  most likely: {safe(hint)}")
        for (outcome, detail), schemes in _alike(found.trials).items():
            click.echo(f"  {outcome} by {safe(', '.join(schemes))}: {safe(detail)}")


def _alike(trials: Iterable[Trial]) -> dict[tuple[str, str], list[str]]:
    """Schemes by what became of them."""
    found: dict[tuple[str, str], list[str]] = {}
    for trial in trials:
        found.setdefault((trial.outcome, trial.detail), []).append(trial.scheme)
    return found
