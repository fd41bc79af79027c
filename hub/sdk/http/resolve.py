"""Name resolution on a client's own threads, with every address judged before it is used."""

import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from hub.sdk.http.guard import Guard
from hub.sdk.offload import Offload

__all__ = ["Resolver"]

_THREADS = 2
"""Look-ups at once. When that many hang, later ones wait for their deadline; other clients have their own."""


class Resolver(AbstractResolver):
    """What is connected to is exactly what was judged here: no second look-up can give another answer."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._threads = Offload("resolve", _THREADS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses that may be reached. Raises `Refused` when there are only others, `OSError` when none."""
        infos = await self._threads.run(_look_up, host, port, family)
        addresses = [str(info[4][0]) for info in infos]
        allowed = [each for each in addresses if self._guard.objection(each) is None]
        if not allowed and addresses:
            self._guard.check(addresses[0], host)
        return [_result(host, each, port) for each in dict.fromkeys(allowed)]

    async def close(self) -> None:
        """Nobody waits for a look-up that hangs."""
        self._threads.close()


def _look_up(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
    flags = socket.AI_ADDRCONFIG
    return list(socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags))


def _result(name: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=name,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
