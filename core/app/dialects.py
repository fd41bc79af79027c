"""The vendors' APIs that the core speaks over its own data, each on a listener of its own.

`DIALECTS` names each one's `core.dialects.dialect.Dialect`; its module is imported only where the dialect is
configured. Nothing else of the core is imported here: the configuration asks which ones there are.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field

from hub.sdk.options import Options
from hub.sdk.values import Listen

if TYPE_CHECKING:
    from aiohttp import web

    from core.dialects.dialect import Dialect
    from core.service.core import Core

__all__ = ["ABOUT", "DIALECTS", "DialectConfig", "DialectName", "dialect_of", "maker_of"]

DIALECTS: Final[Mapping[str, str]] = {
    "mailguard": "core.dialects.mailguard.app:MAILGUARD",
    "mailchannels": "core.dialects.mailchannels.app:MAILCHANNELS",
    "mailsentinel": "core.dialects.mailsentinel.app:MAILSENTINEL",
    "mxguard": "core.dialects.mxguard.app:MXGUARD",
    "mxroute-manager": "core.dialects.mxroute_manager.app:MXROUTE_MANAGER",
}
"""The vendor's name -> `module:NAME` of a `Dialect`."""

ABOUT: Final[Mapping[str, str]] = {
    "mailguard": "NetCell MailGuard's API: lists, quarantine, audit, cluster; sessions too",
    "mailchannels": "MailChannels Inbound's API: domains, lists, users, login links",
    "mailsentinel": "MailSentinel's API: scans, DMARC reports, alerts, webhooks",
    "mxguard": "MxGuard's API: domains, sender rules, verdicts, quarantine, stats",
    "mxroute-manager": "MXroute Manager's API: domains, mailboxes, forwarders, spam, DNS",
}
"""The same names -> a line for people."""


def _known(name: str) -> str:
    if name not in DIALECTS:
        raise ValueError(f"{name[:63]!r} is no dialect; known: {', '.join(sorted(DIALECTS)) or 'none'}")
    return name


DialectName = Annotated[str, AfterValidator(_known)]


class DialectConfig(Options):
    """One vendor's API over the core's data."""

    listen: Listen = Field(description="HOST:PORT of its own; port 0 takes any free one")


def dialect_of(name: str) -> "Dialect":
    """Raises `KeyError` for one that there is not."""
    module, _, constant = DIALECTS[name].partition(":")
    dialect: Dialect = getattr(import_module(module), constant)
    return dialect


def maker_of(name: str) -> "Callable[[Core], web.Application]":
    """What makes the application of a dialect. Raises `KeyError` for one that there is not."""
    from core.dialects.dialect import create_app

    return partial(create_app, dialect=dialect_of(name))
