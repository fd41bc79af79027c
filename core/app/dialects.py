"""The vendors' APIs that the core speaks over its own data, each on a listener of its own.

`DIALECTS` names the function that makes each one's application; its module is imported only where the dialect
is configured. Nothing else of the core is imported here: the configuration asks which ones there are.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field

from hub.sdk.options import Options
from hub.sdk.values import Listen

if TYPE_CHECKING:
    from aiohttp import web

    from core.service.core import Core

__all__ = ["DIALECTS", "DialectConfig", "DialectName", "maker_of"]

DIALECTS: Final[Mapping[str, str]] = {
    "mxguard": "core.dialects.mxguard.mxguard:create_app",
}
"""Name -> `module:function`; the function takes a `Core` and gives the application."""


def _known(name: str) -> str:
    if name not in DIALECTS:
        raise ValueError(f"{name[:63]!r} is no dialect; known: {', '.join(sorted(DIALECTS)) or 'none'}")
    return name


DialectName = Annotated[str, AfterValidator(_known)]


class DialectConfig(Options):
    """One vendor's API over the core's data."""

    listen: Listen = Field(description="HOST:PORT of its own; port 0 takes any free one")


def maker_of(name: str) -> "Callable[[Core], web.Application]":
    """What makes the application of a dialect. Raises `KeyError` for one that there is not."""
    module, _, function = DIALECTS[name].partition(":")
    maker: Callable[[Core], web.Application] = getattr(import_module(module), function)
    return maker
