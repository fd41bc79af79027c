"""Values that several sections share: names, addresses, sizes, moments, lists written as one value."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ByteSize, Field, WithJsonSchema

from hub.sdk.values import Listen, Networks, OneOrMany, as_tuple, host_port

__all__ = [
    "GIB",
    "KIB",
    "LOOPBACK",
    "MIB",
    "Listen",
    "Moment",
    "Networks",
    "OneOrMany",
    "Size",
    "TenantId",
    "as_tuple",
    "check_name",
    "host_port",
]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NAME_CHARS = 63
_MOMENT = "write 'now', 'beginning' or a time such as 2026-05-01 or 2026-05-01T08:00:00Z"

Size = Annotated[
    ByteSize,
    Field(gt=0),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\s*\d*\.?\d+\s*([A-Za-z]+)?\s*$"},
            ],
            "description": "bytes, or with a unit: 768 MiB",
        }
    ),
]
"""A number of bytes; `768 MiB` and `1 GB` are understood."""


def check_name(name: str) -> str:
    """Names of sources and connectors end up in URLs, keys and metrics.

    Raises `ValueError` unless the name is `[a-z0-9][a-z0-9-]{0,62}`; '@' is what replays are named with.
    """
    if "@" in name:
        raise ValueError(f"'@' is reserved for replays; rename {name[:_NAME_CHARS]!r}")
    fits = 0 < len(name) <= _NAME_CHARS and name[0] != "-"
    if not fits or not all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in name):
        raise ValueError(
            f"{name[:_NAME_CHARS]!r} is no name: 1 to {_NAME_CHARS} of a-z, 0-9 and '-', no '-' first"
        )
    return name


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif isinstance(value, str) and value not in {"now", "beginning"}:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_MOMENT) from None
    elif value in ("now", "beginning"):
        return value
    else:
        raise ValueError(_MOMENT)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Moment = Annotated[Literal["now", "beginning"] | datetime, BeforeValidator(_moment)]
"""A time without a zone is UTC; a date is its midnight."""
TenantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
