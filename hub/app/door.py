"""The HTTP shell around `hub.pipeline.ingest`: reads a body within limits and hands it over. Nothing else."""

import asyncio
from dataclasses import dataclass, field

import structlog
from aiohttp import StreamReader, web

from hub.pipeline.ingest import Answer, Ingest, refuse
from hub.telemetry import happenings

__all__ = ["PREFIX", "Door"]

PREFIX = "/in/"
_JSON = "application/json"
_logger = structlog.get_logger("hub.app.door")


@dataclass(slots=True)
class _Body:
    """What was read of one."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0


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
        body = _Body()
        try:
            if (refusal := await self._read(body, request.content)) is not None:
                return self._ingest.refused(source, refusal)
            headers = {name.lower(): value for name, value in request.headers.items()}
            return await self._ingest.take(source, headers, b"".join(body.parts))
        except Exception:  # a defect of ours; the outcome is unknown, so it is the sender's to send again
            _logger.exception("hub.door.failed", source=source)
            happenings.webhook_rejected(source, "internal", 503)
            return refuse(503, "internal", "a defect in mxhub; its log has the details", Retry_After="60")
        finally:
            self._room += body.size

    async def _read(self, body: _Body, content: StreamReader) -> Answer | None:
        """Read it whole; `None`, or why not. What is held counts until the request is answered."""
        try:
            if content.is_eof():  # arrived with its head, as small ones do
                return self._hold(body, content.read_nowait())
            async with asyncio.timeout(self._read_timeout_s):
                async for part in content.iter_any():
                    if (refusal := self._hold(body, part)) is not None:
                        return refusal
        except TimeoutError:
            limit = f"ingest.read_timeout_s = {self._read_timeout_s:g}"
            return refuse(408, "body_too_slow", f"the body did not arrive within {limit}")
        except Exception as error:  # broken transfer coding, early end: the client's doing
            return refuse(400, "broken_transfer", f"the body could not be read: {type(error).__name__}")
        return None

    def _hold(self, body: _Body, part: bytes) -> Answer | None:
        if body.size + len(part) > self._max_body:
            return self._ingest.too_large()
        if len(part) > self._room:
            return refuse(503, "too_busy", "too many bodies are held at once; try again", Retry_After="1")
        self._room -= len(part)
        body.size += len(part)
        body.parts.append(part)
        return None
