"""The HTTP shell around `hub.pipeline.ingest`: reads a body within limits and hands it over. Nothing else."""

import asyncio

import structlog
from aiohttp import web

from hub.pipeline.ingest import Answer, Ingest, refuse
from hub.telemetry import happenings

__all__ = ["PREFIX", "Door"]

PREFIX = "/in/"
_JSON = "application/json"
_logger = structlog.get_logger("hub.app.door")


class Door:
    """`POST /in/{source}`."""

    def __init__(self, ingest: Ingest, *, read_timeout_s: float, max_in_flight_bytes: int) -> None:
        self._ingest = ingest
        self._max_body = ingest.limits.max_body_bytes
        self._read_timeout_s = read_timeout_s
        self._room = max_in_flight_bytes

    async def post(self, request: web.BaseRequest) -> web.Response:
        """Answer one delivery; never raises."""
        source = request.path.removeprefix(PREFIX)
        answer = self._ingest.foresee(source, request.content_length) or await self._take(source, request)
        response = web.Response(
            status=answer.status, body=answer.body, headers=answer.headers, content_type=_JSON
        )
        if not request.content.is_eof():
            # The rest of a body that we refused to read must not become the next request.
            response.force_close()
        return response

    async def _take(self, source: str, request: web.BaseRequest) -> Answer:
        length = request.content_length
        reserved = self._max_body if length is None else length
        if reserved > self._room:
            answer = refuse(503, "too_busy", "too many bodies are being read; try again", Retry_After="1")
            return self._ingest.refused(source, answer)
        self._room -= reserved
        try:
            body = await self._body(request)
            if isinstance(body, Answer):
                return self._ingest.refused(source, body)
            headers = {name.lower(): value for name, value in request.headers.items()}
            return await self._ingest.take(source, headers, body)
        except Exception:  # a defect of ours; the outcome is unknown, so it is the sender's to send again
            _logger.exception("hub.door.failed", source=source)
            happenings.webhook_rejected(source, "internal", 503)
            return refuse(503, "internal", "a defect in mxhub; its log has the details", Retry_After="60")
        finally:
            self._room += reserved

    async def _body(self, request: web.BaseRequest) -> bytes | Answer:
        try:
            body = await self._read(request)
        except TimeoutError:
            limit = f"ingest.read_timeout_s = {self._read_timeout_s:g}"
            return refuse(408, "body_too_slow", f"the body did not arrive within {limit}")
        except Exception as error:  # broken transfer coding, early end: the client's doing
            return refuse(400, "broken_transfer", f"the body could not be read: {type(error).__name__}")
        return self._ingest.too_large() if body is None else body

    async def _read(self, request: web.BaseRequest) -> bytes | None:
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
