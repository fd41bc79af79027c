"""The command `mxhub`. Commands are imported when they are called: `mxhub --version` starts at once."""

from hub.cli.group import main

__all__ = ["main"]
