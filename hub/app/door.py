"""The HTTP shell around `hub.pipeline.ingest`: reads a body within limits and hands it over. Nothing else."""

import asyncio

from aiohttp import web

from hub.pipeline.ingest import Answer, Ingest, refuse

__all__ = ["Door"]

_JSON = "application/json"


class Door:
    """`POST /in/{source}`."""

    def __init__(self, ingest: Ingest, *, read_timeout_s: float, max_in_flight_bytes: int) -> None:
        self._ingest = ingest
        self._max_body = ingest.limits.max_body_bytes
        self._read_timeout_s = read_timeout_s
        self._room = max_in_flight_bytes

    async def post(self, request: web.Request) -> web.Response:
        length = request.content_length
        reserved = min(length if length is not None else self._max_body, self._max_body)
        if length is not None and length > self._max_body:
            answer = self._ingest.too_large()
        elif reserved > self._room:
            answer = refuse(503, "too_busy", "too many bodies are being read; try again", Retry_After="1")
        else:
            self._room -= reserved
            try:
                answer = await self._take(request)
            finally:
                self._room += reserved
        response = web.Response(
            status=answer.status, body=answer.body, headers=answer.headers, content_type=_JSON
        )
        if not request.content.is_eof():
            # The rest of a body that we refused to read must not become the next request.
            response.force_close()
        return response

    async def _take(self, request: web.Request) -> Answer:
        try:
            body = await self._read(request)
        except TimeoutError:
            return refuse(
                408,
                "body_too_slow",
                f"the body did not arrive within ingest.read_timeout_s = {self._read_timeout_s:g}",
            )
        except web.HTTPException:
            raise
        except Exception as error:  # broken transfer coding, early end: the client's doing
            return refuse(400, "broken_transfer", f"the body could not be read: {type(error).__name__}")
        if body is None:
            return self._ingest.too_large()
        headers = {name.lower(): value for name, value in request.headers.items()}
        return await self._ingest.take(request.match_info["source"], headers, body)

    async def _read(self, request: web.Request) -> bytes | None:
        """The raw body, or `None` when it is larger than the cap, chunked bodies included."""
        content = request.content
        if content.is_eof():  # arrived with its head, as small ones do
            whole = content.read_nowait()
            return whole if len(whole) <= self._max_body else None
        parts: list[bytes] = []
        size = 0
        async with asyncio.timeout(self._read_timeout_s):
            async for part in content.iter_any():
                size += len(part)
                if size > self._max_body:
                    return None
                parts.append(part)
        return b"".join(parts)
