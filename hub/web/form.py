"""How answers look: the envelope of `/api/`, or what a vendor's clients expect."""

from typing import Final, Protocol

from aiohttp import web

from hub.web import envelope
from hub.web.errors import ApiError
from hub.web.route import Reply

__all__ = ["ENVELOPE", "Envelope", "Form"]


class Form(Protocol):
    """Of all answers of one listener."""

    def success(self, reply: Reply, request_id: str, /) -> bytes:
        """The JSON body; nothing for an answer without one (204)."""
        ...

    def failure(self, error: ApiError, request_id: str, /) -> web.Response:
        """Whole, with those of the error's headers that these clients know."""
        ...


class Envelope:
    """`hub.web.envelope`."""

    def success(self, reply: Reply, request_id: str) -> bytes:
        return envelope.success(reply.data, request_id, message=reply.message, pagination=reply.pagination)

    def failure(self, error: ApiError, request_id: str) -> web.Response:
        return web.Response(
            status=error.status,
            body=envelope.failure(error, request_id),
            content_type="application/json",
            headers=error.headers,
        )


ENVELOPE: Final[Form] = Envelope()
