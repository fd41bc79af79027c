"""Around every request: an id, and one place where whatever was raised becomes an answer."""

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from hub.web.errors import (
    ApiError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    ValidationFailed,
)
from hub.web.form import ENVELOPE, Form

__all__ = ["REQUEST_ID", "Translate", "answers", "where"]

Translate = Callable[[Exception], ApiError | None]
"""Foreign exceptions (store, archive) to ours; `None` = not one it knows."""

REQUEST_ID: Final = web.RequestKey("request_id", str)
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_CLIENT_ERRORS = range(400, 500)

log = structlog.get_logger("hub.web")


def answers(
    translate: Translate,
    *,
    prefix: str = "/api/",
    form: Form = ENVELOPE,
    contract: str = "/api/v1/openapi.json",
) -> Middleware:
    """Outermost middleware: below `prefix` a failure has that form, elsewhere it is `{"error": {...}}`.

    Who asks for what is not there is told of `contract`, a path, if there is one.
    """

    def refuse(request: web.Request, error: ApiError) -> web.Response:
        below = request.path.startswith(prefix)
        return form.failure(error, request[REQUEST_ID]) if below else _bare(error)

    @web.middleware
    async def middleware(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        request_id = _request_id(request)
        request[REQUEST_ID] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = (
                    error if error.status < min(_CLIENT_ERRORS) else refuse(request, _known(error, contract))
                )
            except Exception as error:  # a boundary: nothing may reach the caller as a bare 500
                response = refuse(request, _ours(error, translate, request))
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id
            if _is_broken(request):
                response.force_close()  # what is left of such a body cannot be skipped over
        return response

    return middleware


def _bare(error: ApiError) -> web.Response:
    body = orjson.dumps({"error": {"code": error.code, "message": error.message}})
    return web.Response(
        status=error.status, body=body, content_type="application/json", headers=error.headers
    )


def _is_broken(request: web.Request) -> bool:
    content = request.content
    unread = "Content-Encoding" in request.headers and not content.at_eof()
    return unread or content.exception() is not None


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if _SANE.fullmatch(given) else "req_" + uuid.uuid4().hex


def _ours(error: Exception, translate: Translate, request: web.Request) -> ApiError:
    if isinstance(error, web.RequestPayloadError):
        return ValidationFailed(
            "The body is not what its headers say: broken in transfer, or not so encoded."
        )
    known = error if isinstance(error, ApiError) else translate(error)
    if known is not None:
        return known
    log.error("hub.web.failed", method=request.method, path=where(request), exc_info=error)
    return InternalError("This is a defect in mxhub. The log has the details under this request id.")


def where(request: web.Request) -> str:
    """The path for the log, as the route table has it: what stands in a segment may be a login link."""
    resource = request.match_info.route.resource
    return request.path if resource is None else resource.canonical


def _known(error: web.HTTPException, contract: str) -> ApiError:
    """What aiohttp itself raises, in our terms."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return MethodNotAllowed(
            f"This path takes {allowed}, not {error.method[:20]}.", headers={"Allow": allowed}
        )
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return PayloadTooLarge("The request body is too large.")
    if isinstance(error, web.HTTPNotFound):
        said = f" {contract} lists what there is." if contract else ""
        return NotFound(f"There is nothing at this path.{said}")
    if error.status in _CLIENT_ERRORS:
        return ValidationFailed(error.reason or "The request cannot be understood.")
    return InternalError(error.reason or "The request failed.")
