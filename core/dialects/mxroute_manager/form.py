"""MXroute Manager's answers: `{"success", "data"}` or `{"success", "error": {"message"}}` (its API page)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from hub.web.errors import ApiError
from hub.web.route import Reply

__all__ = ["Beside", "ManagerForm"]


@dataclass(frozen=True, slots=True)
class Beside:
    """Data of an answer, and other members beside it (`configured`)."""

    data: Any
    members: Mapping[str, Any] = field(default_factory=dict)


class ManagerForm:
    """The statuses are 400, 401, 403 and 404 as the page has them, and what HTTP has for the rest."""

    def success(self, reply: Reply, request_id: str) -> bytes:
        del request_id
        found = reply.data if isinstance(reply.data, Beside) else Beside(reply.data)
        body: dict[str, Any] = {"success": True, "data": {} if found.data is None else found.data}
        if reply.message:
            body["message"] = reply.message
        return orjson.dumps(body | dict(found.members), default=_plain)

    def failure(self, error: ApiError, request_id: str) -> web.Response:
        del request_id
        body = orjson.dumps({"success": False, "error": {"message": error.message}})
        return web.Response(
            status=error.status, body=body, content_type="application/json", headers=error.headers
        )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")
