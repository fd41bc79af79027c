"""The group behind `mxhub`: finds commands in the table, turns trouble into one line and an exit code."""

import os
import sys
from importlib import import_module
from typing import Any

import click

from hub.cli.commands import COMMANDS
from hub.cli.errors import Internal, Usage

__all__ = ["Lazy", "main"]


class Lazy(click.Group):
    """Commands by table, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, sorted."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself; imports its module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found = getattr(import_module(module), attribute)
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list, from the table: showing it imports nothing."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever escapes it ends as one line on stderr."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, EOFError, KeyboardInterrupt):
            raise
        except BrokenPipeError:
            raise  # click ends quietly: the reader has seen enough
        except Exception as error:
            raise _translated(error) from error


def _translated(error: Exception) -> click.ClickException:
    """A foreign error as one of ours. Imports are late: they cost nothing while all is well."""
    from hub.config.problem import ConfigError

    if isinstance(error, ConfigError):
        return Usage(str(error))
    if os.environ.get("MXHUB_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    text = f"internal error: {type(error).__name__}: {error} (set MXHUB_DEBUG=1 to see where)"
    return Internal(text)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="mxhub", prog_name="mxhub", message="%(prog)s %(version)s")
def main() -> None:
    """One durable stream of OCSF events from every mail filter you run."""
