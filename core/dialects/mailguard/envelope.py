"""MailGuard's uniform answer: `{"data", "error", "message"}` (REST API page, "Response envelope")."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

__all__ = ["Refused", "answer", "refusal"]


class Refused(Exception):
    """The request cannot be served; becomes the error form of the envelope."""

    def __init__(self, status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


def answer(data: Any, *, message: str = "OK", status: int = 200, **extra: Any) -> web.Response:
    """Success. `extra` are members beside the three, such as `next_cursor`."""
    return _response({"data": data, "error": None, "message": message, **extra}, status, {})


def refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Failure: `error` says why, `message` is the status in words."""
    body = {"data": None, "error": reason, "message": HTTPStatus(status).phrase}
    return _response(body, status, headers or {})


def _response(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )
