"""Bare bodies, none where there is nothing to say, and refusals as `{"code", "message", "errors"}`."""

from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel

from hub.web.errors import ApiError, RateLimited
from hub.web.route import Reply

__all__ = ["InboundForm", "message_of"]

_LIMITED: Final = 503
_FIELDS: Final = (
    ("policy.header_name", "spamHeaderName"),
    ("policy.header_value", "spamHeaderValue"),
    ("policy.action", "abusePolicy"),
    ("downstream_addresses", "downstreamAddresses"),
    ("subscription_handle", "subscriptionHandle"),
    ("associate_key", "associate-key"),
    ("envelope.rcpt_to", "smtpEnvelopeInformation.rcptTo"),
    ("api_key", "apiKey"),
)
"""Names of fields in the services, and in this API."""


class InboundForm:
    """Beside what HTTP wants (`Allow`) a refusal has no headers: no limits, no time to come again."""

    def success(self, reply: Reply, request_id: str) -> bytes:
        del request_id
        if reply.data is None:
            return b""
        return orjson.dumps(reply.data, default=_plain)

    def failure(self, error: ApiError, request_id: str) -> web.Response:
        del request_id
        status = _LIMITED if isinstance(error, RateLimited) else error.status
        said = {"code": status, "message": message_of(error), "errors": _errors(error)}
        headers = {name: value for name, value in error.headers.items() if name == "Allow"}
        return web.Response(
            status=status, body=orjson.dumps(said), content_type="application/json", headers=headers
        )


def message_of(error: ApiError) -> str:
    """What is wrong, in this API's names."""
    found = _errors(error)
    return "; ".join(found[:3]) if found else error.message


def _errors(error: ApiError) -> list[str]:
    return [f"{_named(str(one.get('field', '')))}: {one['message']}" for one in error.details]


def _named(field: str) -> str:
    for ours, theirs in _FIELDS:
        if field == ours or field.startswith(f"{ours}."):
            return theirs + field[len(ours) :]
    return field


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")
