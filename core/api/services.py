"""What handlers are given, and how they answer with a page."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from aiohttp import web

from core.paging.counted import Counted
from core.paging.keyset import Page
from core.service.by import By
from core.service.core import Core
from hub.web.client import client_address
from hub.web.route import Call, Reply

__all__ = ["CORE", "asked", "paged"]

_T = TypeVar("_T")

CORE: Final = web.AppKey("core", Core)


def asked(call: Call[Any, Any]) -> tuple[Core, By]:
    """The service, and who asks it for what."""
    assert call.principal is not None  # noqa: S101 - narrows the type: routes open to all do not call this
    by = By(principal=call.principal, request_id=call.request_id, ip=client_address(call.request))
    return call.request.app[CORE], by


def paged(found: Page[_T] | Counted[_T], show: Callable[[_T], Any]) -> Reply:
    """A page of a list, each thing as the API shows it."""
    return Reply(data=[show(each) for each in found.items], pagination=found.pagination())
