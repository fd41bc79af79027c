"""MailSentinel's answers: `{"success", "data"}` or `{"success", "error": {"code", "message"}}`.

The page says that content is in `data`, and its examples show it at the top: it is in both places.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from hub.web.errors import ApiError
from hub.web.route import Reply

__all__ = ["SentinelForm"]

_CODES: Final[Mapping[int, str]] = {
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "RATE_LIMITED",
}
_BROKEN: Final = 500
_MOST_TOLD: Final = 3


class SentinelForm:
    """The codes are the six of the page; the status says what they leave open (409, 413, 503)."""

    def success(self, reply: Reply, request_id: str) -> bytes:
        del request_id
        raw = orjson.dumps(reply.data or {}, default=_plain)
        members = b"," + raw[1:] if raw != b"{}" else b"}"
        return b'{"success":true,"data":' + raw + members

    def failure(self, error: ApiError, request_id: str) -> web.Response:
        del request_id
        said = {"code": _code(error.status), "message": _message(error)}
        body = orjson.dumps({"success": False, "error": said})
        return web.Response(
            status=error.status, body=body, content_type="application/json", headers=error.headers
        )


def _code(status: int) -> str:
    return "INTERNAL_ERROR" if status >= _BROKEN else _CODES.get(status, "VALIDATION_ERROR")


def _message(error: ApiError) -> str:
    """The fields at fault by this API's names."""
    found = [f"{_named(str(one['field']))}: {one['message']}" for one in error.details if "field" in one]
    return "; ".join(found[:_MOST_TOLD]) or error.message


def _named(field: str) -> str:
    return ".".join(to_camel(part) for part in field.split("."))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")
