"""Values that several sections share: names, addresses, sizes, moments, lists written as one value."""

from datetime import UTC, date, datetime
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

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
_PORTS = 65535
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


def as_tuple(value: Any) -> Any:
    """One value where a list is wanted stands for a list of it."""
    return value if value is None or isinstance(value, list | tuple) else (value,)


class OneOrMany:
    """Annotation of a tuple: one value stands for a list of it, in the file and in the schema for editors."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wrap before the tuple is validated."""
        return core_schema.no_info_before_validator_function(as_tuple, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A list of items, or one item."""
        many = handler(schema)
        return {"anyOf": [many, many["items"]]}


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


def host_port(text: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPv6]:PORT` in its parts; port 0 stands for any free one.

    Raises `ValueError` with what to write instead.
    """
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host):
        raise ValueError("write HOST:PORT, e.g. 127.0.0.1:8787 or [::1]:8787")
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= _PORTS):
        raise ValueError(f"the port of HOST:PORT is a number from 0 to {_PORTS}")
    return bare, int(port)


def _listen(text: str) -> str:
    host_port(text)
    return text


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(f"write a network as 10.0.0.0/8 or fd00::/8 or one address: {error}") from None


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


Listen = Annotated[str, AfterValidator(_listen)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], OneOrMany()]
Moment = Annotated[Literal["now", "beginning"] | datetime, BeforeValidator(_moment)]
"""A time without a zone is UTC; a date is its midnight."""
TenantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
