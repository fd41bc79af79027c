"""A back-up of the whole hub, streamed while it works."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from aiohttp import web

from hub.api.services import services_of
from hub.web.errors import Conflict, ServiceUnavailable
from hub.web.route import Call, Route, Stream

__all__ = ["ROUTES"]

_LOOK_S = 0.5
_CLEAN_UP_S = 45.0
"""Longer than the end of a save may take."""
_ELSEWHERE = (
    "The log of this hub is on a server of its own (redis_url), which only its own means can copy: stop"
    " mxhub, save that server and copy the data directory, start again."
)


async def backup(call: Call[None, None]) -> Stream:
    backups = services_of(call.request).backups
    if backups is None:
        raise Conflict(_ELSEWHERE)
    return Stream(
        chunks=_while_listened_to(call.request, backups.stream()),
        media_type="application/x-tar",
        filename="mxhub-backup.tar",
    )


async def _while_listened_to(
    request: web.Request, chunks: AsyncGenerator[bytes, None]
) -> AsyncIterator[bytes]:
    """The chunks; ends them when the caller has left. Between two of them minutes may pass, in which no
    write would notice.
    """
    async with aclosing(chunks):
        while True:
            coming = asyncio.create_task(_next(chunks))
            try:
                while not (await asyncio.wait([coming], timeout=_LOOK_S))[0]:
                    if request.transport is None or request.transport.is_closing():
                        raise ConnectionResetError("nobody listens any more")
            finally:
                await _end(coming)
            if (chunk := coming.result()) is None:
                return
            yield chunk


async def _end(coming: asyncio.Task[bytes | None]) -> None:
    """Cancelled once, it has the time to end the server's save; again only when that went unheard."""
    while not coming.done():
        coming.cancel()
        await asyncio.wait([coming], timeout=_CLEAN_UP_S)


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    """Not `anext` with a default: in Python 3.11.2 what is thrown into that does not reach the generator."""
    try:
        return await anext(chunks)
    except StopAsyncIteration:
        return None


ROUTES = (
    Route(
        "GET",
        "/api/v1/backup",
        backup,
        summary="Everything the hub holds as one file, for `mxhub restore`; one at a time",
        media_types=("application/x-tar",),
        errors=(Conflict, ServiceUnavailable),
    ),
)
