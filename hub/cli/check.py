"""`mxhub check`: does the configuration hold, and do those it names answer?"""

import os
from pathlib import Path
from typing import Any

import click

from hub.cli.errors import DOES_NOT_HOLD
from hub.cli.render import print_json, print_table

__all__ = ["check"]


@click.command()
@click.option("--config", type=click.Path(path_type=Path), envvar="MXHUB_CONFIG", help="Configuration file.")
@click.option("--offline", is_flag=True, help="Check the configuration only; ask nobody.")
@click.option("--json", "as_json", is_flag=True, help='{"ok", "problems": [...], "findings": [...]}')
@click.pass_context
def check(ctx: click.Context, config: Path | None, offline: bool, as_json: bool) -> None:
    """Check the configuration, then ask every vendor and destination; exit 1 when something does not hold."""
    from hub.cli.product import load_product
    from hub.config.load import installed
    from hub.config.problem import ConfigError

    try:
        loaded = load_product(config, os.environ)
    except ConfigError as error:
        _report_problems(error, as_json=as_json)
        ctx.exit(DOES_NOT_HOLD)
    from hub.cli.findings import offline_findings

    findings = offline_findings(loaded.settings, installed())
    if not offline:
        findings += _online(loaded.settings)
    _report(findings, [str(path) for path in loaded.files], as_json=as_json)
    ctx.exit(DOES_NOT_HOLD if any(one.state == "failed" for one in findings) else 0)


def _online(settings: Any) -> list[Any]:
    import asyncio

    from hub.cli.probes import online_findings
    from hub.config.load import installed

    return asyncio.run(online_findings(settings, installed()))


def _report_problems(error: Any, *, as_json: bool) -> None:
    if not as_json:
        click.echo(str(error), err=True)
        return
    problems = [
        {"file": one.mark.file, "line": one.mark.line, "column": one.mark.column, "message": one.message}
        for one in error.problems
    ]
    print_json({"ok": False, "problems": problems, "findings": []})


def _report(findings: list[Any], files: list[str], *, as_json: bool) -> None:
    ok = not any(one.state == "failed" for one in findings)
    if as_json:
        print_json({"ok": ok, "files": files, "problems": [], "findings": [one.plain() for one in findings]})
        return
    click.echo(f"configuration: {', '.join(files) or 'no file, all defaults'}")
    print_table(["", "what", "finding"], [[one.state, one.subject, one.message] for one in findings])
    if not ok:
        click.echo("something does not hold", err=True)
