"""The one shape of every `/api/` answer, as bytes and as models for OpenAPI."""

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict

from hub.web.errors import ApiError

__all__ = [
    "Envelope",
    "ErrorBody",
    "ErrorDetail",
    "ErrorEnvelope",
    "Meta",
    "Pagination",
    "failure",
    "success",
]

T = TypeVar("T")


class Pagination(BaseModel):
    """Pass `next_cursor` as `cursor` (search) or `after` (feed) to go on."""

    next_cursor: str | None
    has_more: bool
    limit: int


class Meta(BaseModel):
    request_id: str
    pagination: Pagination | None = None


class Envelope(BaseModel, Generic[T]):
    """A request that succeeded."""

    success: Literal[True]
    data: T
    error: None
    message: str
    meta: Meta


class ErrorDetail(BaseModel):
    """One thing that is at fault; validation names the `field`."""

    model_config = ConfigDict(extra="allow")

    message: str
    field: str | None = None


class ErrorBody(BaseModel):
    code: str
    message: str
    details: list[ErrorDetail]


class ErrorEnvelope(BaseModel):
    """A request that failed."""

    success: Literal[False]
    data: None
    error: ErrorBody
    message: str
    meta: Meta


def success(
    data: Any, request_id: str, *, message: str = "", pagination: Mapping[str, Any] | None = None
) -> bytes:
    """`data` may hold pydantic models and `orjson.Fragment` (bytes that are JSON already)."""
    body = {
        "success": True,
        "data": data,
        "error": None,
        "message": message or "ok",
        "meta": {"request_id": request_id, "pagination": pagination},
    }
    return orjson.dumps(body, default=_plain)


def failure(error: ApiError, request_id: str) -> bytes:
    body = {
        "success": False,
        "data": None,
        "error": {"code": error.code, "message": error.message, "details": list(error.details)},
        "message": error.message,
        "meta": {"request_id": request_id, "pagination": None},
    }
    return orjson.dumps(body, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return orjson.Fragment(value.model_dump_json(by_alias=True))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
