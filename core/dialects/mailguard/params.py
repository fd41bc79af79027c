"""Query parameters and bodies, read strictly: what cannot be meant is refused with its name."""

import math
from typing import TypeVar

import msgspec
from aiohttp import web

from core.dialects.mailguard.envelope import Refused
from core.store.clock import from_iso

__all__ = ["json_body", "moment", "number", "text", "whole"]

T = TypeVar("T")
_MAX_CHARS = 1000


def text(request: web.Request, name: str) -> str | None:
    """A parameter's value, or `None` when it is absent or empty."""
    value = request.query.get(name)
    if not value:
        return None
    if len(value) > _MAX_CHARS or not value.isprintable():
        raise Refused(400, f"{name} must be at most {_MAX_CHARS} printable characters")
    return value


def moment(request: web.Request, name: str) -> int | None:
    """A time as milliseconds since the epoch."""
    value = text(request, name)
    if value is None:
        return None
    try:
        # A plus sign that the client did not escape arrives as a space; no time holds one before its zone.
        return from_iso(value.replace(" ", "+") if "T" in value else value)
    except ValueError as error:
        raise Refused(400, f"{name} must be an ISO 8601 time such as 2026-05-01T07:42:13Z") from error


def whole(request: web.Request, name: str, *, default: int, low: int, high: int) -> int:
    """A whole number in a range."""
    value = text(request, name)
    if value is None:
        return default
    digits = value if value.isascii() and value.isdigit() and len(value) <= len(str(high)) else "-1"
    if not low <= int(digits) <= high:
        raise Refused(400, f"{name} must be a whole number from {low} to {high}")
    return int(digits)


def number(request: web.Request, name: str) -> float | None:
    """A finite number."""
    value = text(request, name)
    if value is None:
        return None
    try:
        result = float(value)
    except ValueError:
        result = math.nan
    if not math.isfinite(result):
        raise Refused(400, f"{name} must be a number")
    return result


async def json_body(request: web.Request, kind: type[T]) -> T:
    """The request's JSON body, checked against a Struct."""
    raw = await request.read()
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"body: {error}") from error
