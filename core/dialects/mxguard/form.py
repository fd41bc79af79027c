"""MxGuard's answers. Its page shows none: ours are `{"data"}`, lists with `next_cursor`, `{"error"}`."""

from typing import Any, Final, Generic, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, Field

from hub.web.envelope import ErrorBody
from hub.web.errors import ApiError
from hub.web.openapi import Answers
from hub.web.route import Reply, Route

__all__ = ["ANSWERS", "MxGuardForm"]

T = TypeVar("T")


class Success(BaseModel, Generic[T]):
    """A request that succeeded."""

    data: T
    next_cursor: str | None = Field(None, description="Of lists in pages: null when there is no more now.")


class Failure(BaseModel):
    """A request that was refused, or failed."""

    error: ErrorBody


def _whole(route: Route) -> type[BaseModel]:
    return Success[route.response]  # type: ignore[name-defined]  # the row's type, known at run time only


ANSWERS: Final = Answers(
    whole=_whole,
    failure=Failure,
    schemes={"bearer": {"type": "http", "scheme": "bearer"}},
    limited=True,
)


class MxGuardForm:
    """An error names its code, says what is wrong, and lists the fields at fault."""

    def success(self, reply: Reply, request_id: str) -> bytes:
        del request_id
        body: dict[str, Any] = {"data": reply.data}
        if reply.pagination is not None:
            body["next_cursor"] = reply.pagination["next_cursor"]
        return orjson.dumps(body, default=_plain)

    def failure(self, error: ApiError, request_id: str) -> web.Response:
        del request_id
        said = {"code": error.code, "message": error.message, "details": list(error.details)}
        body = orjson.dumps({"error": said})
        return web.Response(
            status=error.status, body=body, content_type="application/json", headers=error.headers
        )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")
