"""MailGuard's uniform answer: `{"data", "error", "message"}` (REST API page, "Response envelope")."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, Field

from hub.access.sessions import COOKIE
from hub.web.errors import ApiError
from hub.web.openapi import Answers
from hub.web.route import Reply, Route

__all__ = ["ANSWERS", "Failure", "MailGuardForm", "Success", "refusal"]

T = TypeVar("T")
_TOLD: Final = frozenset({"Allow", "Content-Range", "Retry-After"})
"""Headers that a refusal may have; the page names the last one and no others."""


class Success(BaseModel, Generic[T]):
    """A request that succeeded. Lists that are read by cursor have `next_cursor` beside the three."""

    data: T
    error: None
    message: str = Field(description="What became of it, for people.")
    next_cursor: str | None = Field(None, description="Of lists in pages: null when there is no more now.")


class Failure(BaseModel):
    """A request that was refused, or failed."""

    data: None
    error: str = Field(description="Why.")
    message: str = Field(description="The status in words.")


def _whole(route: Route) -> type[BaseModel]:
    return Success[route.response]  # type: ignore[name-defined]  # the row's type, known at run time only


ANSWERS: Final = Answers(
    whole=_whole,
    failure=Failure,
    schemes={
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    },
    limited=True,
)


class MailGuardForm:
    """The same three members everywhere."""

    def success(self, reply: Reply, request_id: str) -> bytes:
        del request_id
        body = {"data": reply.data, "error": None, "message": reply.message or "OK"}
        if reply.pagination is not None:
            body["next_cursor"] = reply.pagination["next_cursor"]
        return orjson.dumps(body, default=_plain)

    def failure(self, error: ApiError, request_id: str) -> web.Response:
        del request_id
        return refusal(error.status, error.message, error.headers)


def refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """`error` says why, `message` is the status in words."""
    body = {"data": None, "error": reason, "message": HTTPStatus(status).phrase}
    told = {name: text for name, text in (headers or {}).items() if name in _TOLD}
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=told)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")
