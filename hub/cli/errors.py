"""How a command ends when it cannot do what it was asked: one clear line on stderr, and an exit code.

MxhubError (ClickException)
+- Fails (1)         the thing checked does not hold
+- Usage (2)         usage or configuration
+- Unreachable (3)   cannot reach what it needs
+- Internal (70)     a defect of ours
"""

from typing import NoReturn

import click

__all__ = [
    "DOES_NOT_HOLD",
    "INTERNAL",
    "UNREACHABLE",
    "USAGE",
    "Fails",
    "Internal",
    "MxhubError",
    "Unreachable",
    "Usage",
    "fail",
]

DOES_NOT_HOLD = 1
USAGE = 2
UNREACHABLE = 3
INTERNAL = 70
"""A defect of ours (EX_SOFTWARE of sysexits.h), so that it is never taken for an answer."""


class MxhubError(click.ClickException):
    """Root; `show` writes `mxhub: <message>` to stderr."""

    def show(self, file: object = None) -> None:
        """Write the message to stderr."""
        del file
        click.echo(f"mxhub: {self.format_message()}", err=True)


class Fails(MxhubError):
    """The thing checked does not hold."""

    exit_code = DOES_NOT_HOLD


class Usage(MxhubError):
    """The command line or the configuration is wrong."""

    exit_code = USAGE


class Unreachable(MxhubError):
    """Something the command needs (the running hub, a server) cannot be reached."""

    exit_code = UNREACHABLE


class Internal(MxhubError):
    """A defect of ours."""

    exit_code = INTERNAL


def fail(message: str, code: int) -> NoReturn:
    """End the command with this line and exit code."""
    kinds = (Fails, Usage, Unreachable)
    raise next((kind for kind in kinds if kind.exit_code == code), Internal)(message)
