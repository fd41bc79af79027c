"""Route tables onto an aiohttp application."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiohttp import web

from hub.access.domain_names import normal_domain
from hub.web.access import PRINCIPAL, Authenticate, Principal, authorize
from hub.web.deprecated import DEPRECATED, tell_deprecated
from hub.web.errors import ValidationFailed
from hub.web.form import ENVELOPE, Form
from hub.web.idempotency import IdempotencyStore, Saved, Slot
from hub.web.middleware import REQUEST_ID, where
from hub.web.params import read_body, read_query
from hub.web.route import ANY_CALLER, Answer, Bare, Call, Reply, Route, Stream

__all__ = ["mount"]

_MAX_KEY = 200
_JSON = "application/json"

log = structlog.get_logger("hub.web")


def mount(
    app: web.Application,
    routes: Sequence[Route],
    *,
    authenticate: Authenticate,
    idempotency: IdempotencyStore,
    form: Form = ENVELOPE,
) -> None:
    """Add every route. Raises `ValueError` when two rows claim the same method and path."""
    if any(route.deprecated for route in routes) and tell_deprecated not in app.on_response_prepare:
        app.on_response_prepare.append(tell_deprecated)
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if (route.method, route.path) in seen:
            raise ValueError(f"{route.method} {route.path} stands twice in the route table")
        seen.add((route.method, route.path))
        endpoint = _endpoint(route, authenticate, idempotency, form)
        app.router.add_route(route.method, route.path, endpoint)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, endpoint)


def _endpoint(
    route: Route, authenticate: Authenticate, idempotency: IdempotencyStore, form: Form
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def endpoint(request: web.Request) -> web.StreamResponse:
        if route.deprecated is not None:
            request[DEPRECATED] = route.deprecated
        principal, path = None, _path(request)
        if route.scope is not None:
            principal = request[PRINCIPAL] = await authenticate(request)
            if route.scope != ANY_CALLER:
                authorize(principal, route.scope, path.get("domain"))
        call = Call(
            request=request,
            request_id=request[REQUEST_ID],
            query=read_query(route, request),
            body=await read_body(route, request),
            path=path,
            principal=principal,
        )
        if route.creates and principal is not None and "Idempotency-Key" in request.headers:
            return await _once(route, call, principal, idempotency, form)
        return await _respond(route, call, await route.handler(call), form)

    return endpoint


def _path(request: web.Request) -> dict[str, str]:
    """A `{domain}` is one and the same however it was written: grants and handlers compare it as text."""
    path = dict(request.match_info)
    if "domain" in path:
        path["domain"] = normal_domain(path["domain"])
    return path


async def _once(
    route: Route, call: Call[Any, Any], principal: Principal, store: IdempotencyStore, form: Form
) -> web.StreamResponse:
    given = call.request.headers["Idempotency-Key"]
    if not 0 < len(given) <= _MAX_KEY or not given.isprintable():
        raise ValidationFailed.of("Idempotency-Key", f"1 to {_MAX_KEY} printable characters")
    who, what = f"{principal.kind} {principal.id}", f"{route.method} {call.request.path}"
    slot = Slot(principal.tenant, who, what, given)
    asked = call.request.query_string.encode("utf-8", "surrogatepass") + b"\n" + await call.request.read()
    saved = await store.begin(slot, hashlib.sha256(asked).hexdigest())
    if saved is not None:
        return web.Response(
            status=saved.status, body=saved.body, content_type=_JSON, headers={"Idempotency-Replayed": "true"}
        )
    try:
        status, body = _reply(route, call, await route.handler(call), form)
    except BaseException:
        await store.abandon(slot)
        raise
    await _kept(store, slot, Saved(status, body))
    return web.Response(status=status, body=body, content_type=_JSON)


async def _kept(store: IdempotencyStore, slot: Slot, saved: Saved) -> None:
    """The work is done and its answer true, whether or not it can be kept."""
    try:
        await store.finish(slot, saved)
    except Exception:  # a boundary: the slot stays taken, so that a repeat does not do the work again
        log.exception("hub.web.answer_not_kept", request=slot.request)


def _reply(route: Route, call: Call[Any, Any], answer: Answer, form: Form) -> tuple[int, bytes]:
    if not isinstance(answer, Reply):
        raise TypeError(f"{route.operation_id} makes something, so it must answer with a Reply")
    return answer.status or route.status, form.success(answer, call.request_id)


async def _respond(route: Route, call: Call[Any, Any], answer: Answer, form: Form) -> web.StreamResponse:
    if isinstance(answer, Stream):
        return await _stream(call.request, answer)
    if isinstance(answer, Bare):
        headers = {"Content-Type": answer.media_type, **answer.headers}
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    status, body = _reply(route, call, answer, form)
    if not body:
        return web.Response(status=status, headers=answer.headers)
    return web.Response(status=status, body=body, content_type=_JSON, headers=answer.headers)


async def _stream(request: web.Request, answer: Stream) -> web.StreamResponse:
    headers = {
        "Content-Type": answer.media_type,
        "Content-Disposition": f'attachment; filename="{answer.filename}"',
        "Cache-Control": "no-store",
        "X-Request-Id": request[REQUEST_ID],
        **answer.headers,
    }
    if request.method == "HEAD":
        return web.Response(status=answer.status, headers=headers)
    chunks = answer.chunks
    try:
        first = await anext(chunks)
    except StopAsyncIteration:
        first = b""
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    try:
        await _pour(response, first, chunks)
    except ConnectionError:
        log.info("hub.web.stream_left", path=where(request))
    except Exception:  # the status line is out: cutting the connection is the only honest answer left
        log.exception("hub.web.stream_failed", path=where(request))
        if request.transport is not None:
            request.transport.abort()
    return response


async def _pour(response: web.StreamResponse, first: bytes, chunks: AsyncIterator[bytes]) -> None:
    try:
        await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
