"""Who comes without a key: where from, with which cookie, and what they are given back."""

from typing import Any

from core.api.services import CORE
from core.service.core import Core
from hub.access.sessions import COOKIE, cookie_header
from hub.access.sign_in import Visitor
from hub.web.client import client_address
from hub.web.errors import Forbidden
from hub.web.route import Call

__all__ = ["NO_COOKIE", "UNSEEN", "core_of", "not_from_elsewhere", "signed_in", "visitor"]

UNSEEN = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""Headers of answers that hold credentials."""
NO_COOKIE = {**UNSEEN, "Set-Cookie": cookie_header("", 0)}


def core_of(call: Call[Any, Any]) -> Core:
    return call.request.app[CORE]


def visitor(call: Call[Any, Any]) -> Visitor:
    request = call.request
    return Visitor(
        ip=client_address(request),
        agent=request.headers.get("User-Agent", ""),
        cookie=request.cookies.get(COOKIE) or None,
        request_id=call.request_id,
    )


def signed_in(cookie: str, lasts_s: int) -> dict[str, str]:
    """Headers that open the session in the browser."""
    return {**UNSEEN, "Set-Cookie": cookie_header(cookie, lasts_s)}


def not_from_elsewhere(call: Call[Any, Any]) -> None:
    """Another site must not sign a browser in as somebody else. Raises `Forbidden`.

    Browsers say so themselves (Fetch Metadata, `Sec-Fetch-Site`); other clients send no such header.
    """
    if call.request.headers.get("Sec-Fetch-Site", "").lower() == "cross-site":
        raise Forbidden("Sign in from a page of this site.")
