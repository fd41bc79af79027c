"""Where a request comes from."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web

__all__ = ["PROXIES", "client_address", "trust"]

Networks = Sequence[IPv4Network | IPv6Network]
PROXIES: Final = web.AppKey("trusted proxies", Networks)


def trust(app: web.Application, proxies: Iterable[str]) -> None:
    """Believe what proxies in these networks (CIDR) say of whom they ask for."""
    app[PROXIES] = tuple(ip_network(each, strict=False) for each in proxies)


def client_address(request: web.BaseRequest) -> str:
    """The peer's address; behind trusted proxies the one that they name in `X-Forwarded-For`.

    It is read from the right, where each proxy adds whom it saw, and only as far as those are trusted that
    added it: what a client wrote itself stands to the left of that. Empty on a unix socket.
    """
    address = request.remote or ""
    proxies = request.app.get(PROXIES, ()) if isinstance(request, web.Request) else ()
    named = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while named and _is_in(proxies, address):
        seen = named.pop().strip()
        if not _is_address(seen):
            break
        address = seen
    return address


def _is_in(networks: Networks, address: str) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
