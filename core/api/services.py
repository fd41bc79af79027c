"""What handlers are given."""

from typing import Any, Final

from aiohttp import web

from core.service.by import By
from core.service.core import Core
from hub.web.route import Call

__all__ = ["CORE", "asked"]

CORE: Final = web.AppKey("core", Core)


def asked(call: Call[Any, Any]) -> tuple[Core, By]:
    """The service, and who asks it for what."""
    assert call.principal is not None  # noqa: S101 - narrows the type: routes open to all do not call this
    by = By(principal=call.principal, request_id=call.request_id, ip=call.request.remote or "")
    return call.request.app[CORE], by
