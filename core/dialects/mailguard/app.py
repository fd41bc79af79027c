"""The HTTP application: a table of endpoints with their scopes, one place for errors."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from core.dialects.mailguard import api_keys, audit, quarantine, system
from core.dialects.mailguard.access import PRINCIPAL, Gate
from core.dialects.mailguard.envelope import Refused, refusal
from core.dialects.mailguard.service import SERVICE, Service
from core.store.database import Unavailable

__all__ = ["ENDPOINTS", "MAX_BODY_BYTES", "Endpoint", "create_app"]

MAX_BODY_BYTES = 64 * 1024
_LOG = logging.getLogger("core.mailguard")

READ = frozenset({"read-only", "domain-admin", "full-admin"})
READ_ALL = frozenset({"read-only", "full-admin"})
ACT = frozenset({"quarantine-only", "domain-admin", "full-admin"})
ADMIN = frozenset({"full-admin"})
PUBLIC: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`scopes` that may call it; none means that it needs no key."""

    method: str
    path: str
    scopes: frozenset[str]
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]


_MESSAGE = r"/api/v1/mail/quarantine/{node_id:[A-Za-z0-9._-]{1,64}}/{queue_id:[A-Za-z0-9]{1,32}}"
_KEY = r"/api/v1/auth/api-keys/{key_id:[0-9]{1,18}}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/health", PUBLIC, system.health),
    Endpoint("GET", "/api/v1/openapi.yaml", PUBLIC, system.openapi),
    Endpoint("GET", "/api/v1/audit/logs", READ, audit.logs),
    Endpoint("GET", "/api/v1/mail/quarantine", READ, quarantine.listing),
    Endpoint("GET", f"{_MESSAGE}/body", READ, quarantine.body),
    Endpoint("POST", f"{_MESSAGE}/release", ACT, quarantine.release),
    Endpoint("POST", f"{_MESSAGE}/discard", ACT, quarantine.discard),
    Endpoint("POST", f"{_MESSAGE}/retrain", ACT, quarantine.retrain),
    Endpoint("GET", "/api/v1/license", READ_ALL, system.licence),
    Endpoint("GET", "/api/v1/domains", READ, system.domain_listing),
    Endpoint("GET", "/api/v1/auth/api-keys", READ_ALL, api_keys.listing),
    Endpoint("POST", "/api/v1/auth/api-keys", ADMIN, api_keys.create),
    Endpoint("POST", f"{_KEY}/revoke", ADMIN, api_keys.revoke),
    Endpoint("DELETE", _KEY, ADMIN, api_keys.delete),
)


def create_app(service: Service, outer: Sequence[Middleware] = ()) -> web.Application:
    """The application; `outer` middlewares see requests before anything of the dialect does."""
    app = web.Application(middlewares=[*outer, _errors], client_max_size=MAX_BODY_BYTES)
    app[SERVICE] = service
    gate = Gate(service.database, service.clock, service.node_id)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, _guarded(endpoint, gate))
    return app


def _guarded(endpoint: Endpoint, gate: Gate) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if endpoint.scopes:
            request[PRINCIPAL] = await gate.admit(request, endpoint.scopes)
        return await endpoint.handler(request)

    return handle


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        _check_encoding(request)
        return await handler(request)
    except Exception as error:  # every failure leaves in the dialect's form; what is ours goes to the log
        response = _as_answer(request, error)
        if not request.content.at_eof():
            response.force_close()  # the rest of an unread body must not become the next request
        return response


def _check_encoding(request: web.Request) -> None:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(415, "a compressed body is not taken")


def _as_answer(request: web.Request, error: Exception) -> web.Response:
    if isinstance(error, Refused):
        return refusal(error.status, error.reason, error.headers)
    if isinstance(error, web.HTTPException):
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return refusal(error.status, error.reason, allow)
    if isinstance(error, web.RequestPayloadError):
        return refusal(400, "the body is not what its headers say")
    _LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    if isinstance(error, Unavailable):
        return refusal(503, "the store cannot be used now", {"Retry-After": "5"})
    return refusal(500, "internal error")
