"""One row of a route table, what a handler is given, and what it may answer."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel

from hub.access.principal import Principal
from hub.web.deprecated import Deprecated
from hub.web.errors import ApiError

__all__ = ["ANY_CALLER", "Answer", "Bare", "Call", "Handler", "Method", "Reply", "Route", "Stream"]

Q = TypeVar("Q")
B = TypeVar("B")

ANY_CALLER: Final = "any"
"""In place of a scope: whoever has a key or a session may ask, whatever it permits."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """A request whose parameters hold: `Call[QueryModel, BodyModel]`, `None` where the route has none."""

    request: web.Request
    request_id: str
    query: Q
    body: B
    path: Mapping[str, str]
    """Values of the path's `{names}`; a `{domain}` in lower case, A-labels."""
    principal: Principal | None = None
    """Who asks; `None` on routes that are open to all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Goes out in the envelope."""

    data: Any
    message: str = ""
    status: int | None = None
    """`None` = the route's own."""
    pagination: Mapping[str, Any] | None = None
    """`{"next_cursor", "has_more", "limit"}`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every answer has; not kept for a request that is repeated under its
    `Idempotency-Key`, so what sets a cookie takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """Goes out as it is: probes, and documents whose form others define (OpenAPI, Prometheus text)."""

    body: bytes
    media_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Goes out piece by piece.

    Trouble before the first piece is an envelope; after it the connection is cut, so that the caller cannot
    take a part for the whole.
    """

    chunks: AsyncIterator[bytes]
    media_type: str
    filename: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Reply | Bare | Stream
Handler = Callable[[Call[Any, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """Everything about one operation: drives dispatch, validation, access, OpenAPI, docs and tests."""

    method: Method
    path: str
    """With `{names}`; each matches one path segment."""
    handler: Handler
    summary: str = field(kw_only=True)
    query: type[BaseModel] | None = field(default=None, kw_only=True)
    """Its fields are the query parameters; a list or tuple field takes repeats and commas."""
    body: type[BaseModel] | None = field(default=None, kw_only=True)
    """JSON body; a model whose fields all have defaults may be left out."""
    texts: Mapping[str, Callable[[bytes], Any]] = field(default_factory=dict, kw_only=True, hash=False)
    """Other media types of a body, and what reads them into the data of its model."""
    takes: tuple[str, ...] = field(default=(), kw_only=True)
    """Media types that a body may have instead of JSON; `call.body` is then None, the handler reads it."""
    response: Any = field(default=None, kw_only=True)
    """Type of `data` (a model, `list[Model]`, `None`)."""
    status: int = field(default=200, kw_only=True)
    scope: str | None = field(default="admin", kw_only=True)
    """What the caller must hold (`hub.access.scopes`); `None` = open to all, `ANY_CALLER` =
    to whoever has a key or a session. Where the path names a
    `{domain}`, on that domain; whether it is tied to another key is for the handler to ask (`authorize`)."""
    errors: tuple[type[ApiError], ...] = field(default=(), kw_only=True)
    """Beside those that follow from the rest of the row (validation, access)."""
    creates: bool = field(default=False, kw_only=True)
    """A POST that makes something new: takes an `Idempotency-Key`."""
    media_types: tuple[str, ...] = field(default=(), kw_only=True)
    """Of bare and streamed answers; empty = the envelope."""
    deprecated: Deprecated | None = field(default=None, kw_only=True)
    """Since when, until when, and what to use instead."""

    @property
    def names(self) -> tuple[str, ...]:
        """The path's parameters."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def operation_id(self) -> str:
        return self.handler.__module__.rpartition(".")[2] + "_" + self.handler.__name__
