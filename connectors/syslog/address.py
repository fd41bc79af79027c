"""From a host's name to a socket at an address that was judged."""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Sequence

from connectors.syslog.options import SyslogOptions
from hub.sdk.connector import Context
from hub.sdk.http import Guard
from hub.sdk.http.resolve import Resolver

__all__ = ["Addresses"]

_CONNECT_S = 10.0


class Addresses:
    """The addresses of one receiver. Look-ups have threads of their own: a hanging resolver holds up nobody
    else, and this receiver only until its deadline.
    """

    def __init__(self, options: SyslogOptions, context: Context) -> None:
        self._host = options.host
        self._port = options.to_port
        self._guard = Guard(context.allow_networks)
        self._resolver = Resolver(self._guard)

    async def find(self) -> Sequence[str]:
        """Every address that may be used, at least one. Raises `Refused` or `OSError`."""
        if _is_address(self._host):
            self._guard.check(self._host)
            return [self._host]
        found = await self._resolver.resolve(self._host, self._port, socket.AF_UNSPEC)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name does not resolve")
        return [each["host"] for each in found]

    async def connect(self) -> socket.socket:
        """A TCP connection to the first address that takes it. Raises `Refused` or `OSError`."""
        failed: OSError | None = None
        for address in await self.find():
            try:
                return await self._try(address)
            except OSError as error:
                failed = failed or error
        raise failed or OSError(errno.EHOSTUNREACH, "no address answers")

    async def aim(self) -> socket.socket:
        """A datagram socket that sends to the first address. Raises `Refused` or `OSError`."""
        sock, at = self._socket((await self.find())[0], socket.SOCK_DGRAM)
        try:
            sock.connect(at)
        except OSError:
            sock.close()
            raise
        return sock

    async def _try(self, address: str) -> socket.socket:
        sock, at = self._socket(address, socket.SOCK_STREAM)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await asyncio.get_running_loop().sock_connect(sock, at)
        except TimeoutError as error:
            sock.close()
            raise _named(error.errno or errno.ETIMEDOUT) from None
        except OSError as error:
            sock.close()
            raise _named(error.errno) from error
        except BaseException:
            sock.close()
            raise
        return sock

    def _socket(
        self, address: str, kind: socket.SocketKind
    ) -> tuple[socket.socket, tuple[str, int] | tuple[str, int, int, int]]:
        info = socket.getaddrinfo(address, self._port, type=kind, flags=socket.AI_NUMERICHOST)[0]
        sock = self._guard.make_socket(info)
        sock.setblocking(False)
        return sock, info[4]  # type: ignore[return-value]  # an internet address, never another family's

    async def close(self) -> None:
        """Nobody waits for a look-up that hangs."""
        await self._resolver.close()


def _named(number: int | None) -> OSError:
    """With the system's own words; the loop's name the address."""
    return OSError(number, os.strerror(number or errno.EHOSTUNREACH))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
