"""`force_https`: whether a request came over HTTPS, to us or to a proxy that we trust."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from aiohttp import web

from hub.config.model import Settings

__all__ = ["Check", "https_only"]

Check = Callable[[web.BaseRequest], str | None]
"""Why a request is refused, or `None`."""


def https_only(settings: Settings) -> Check | None:
    """The check that the settings ask for; `None` when they ask for none."""
    if not settings.force_https:
        return None
    networks = [ip_network(network) for network in settings.trusted_proxies]

    def check(request: web.BaseRequest) -> str | None:
        if request.secure or (_from_one_of(networks, request) and _forwarded(request) == "https"):
            return None
        return "force_https is set: send this over HTTPS (a proxy that ends TLS belongs into trusted_proxies)"

    return check


def _from_one_of(networks: Sequence[object], request: web.BaseRequest) -> bool:
    try:
        address = ip_address(request.remote or "")
    except ValueError:
        return False
    return any(address in network for network in networks)  # type: ignore[operator]  # v4 or v6, both know `in`


def _forwarded(request: web.BaseRequest) -> str:
    """The scheme that the nearest proxy saw (RFC 7239 `proto`, else X-Forwarded-Proto, last value)."""
    for element in reversed(request.forwarded):
        if "proto" in element:
            return element["proto"].lower()
    return request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
