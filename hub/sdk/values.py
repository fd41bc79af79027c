"""Values of options that several sections share: addresses, networks, lists written as one value."""

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = ["Listen", "Networks", "OneOrMany", "as_tuple", "host_port"]

_PORTS = 65535


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


Listen = Annotated[str, AfterValidator(_listen)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], OneOrMany()]
