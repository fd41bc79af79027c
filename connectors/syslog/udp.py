"""UDP (RFC 5426): one message a datagram, paced; only a refusal (ICMP port unreachable) is ever heard."""

import asyncio
import time
from collections.abc import Iterable
from typing import Final, cast

from connectors.syslog.address import Addresses
from connectors.syslog.options import SyslogOptions

__all__ = ["Datagrams"]

_BURST: Final = 25
"""Datagrams at once; a receiver's buffer commonly holds a hundred of them."""
_FRESH_S: Final = 60.0
"""After so long the name is looked up again."""


class Datagrams:
    """Sends messages from one port."""

    def __init__(self, options: SyslogOptions, addresses: Addresses) -> None:
        self._addresses = addresses
        self._rate = options.datagrams_per_s
        self._burst = max(1, min(_BURST, self._rate // 100))
        self._quiet_s = options.settle_ms / 1000
        self._port: _Port | None = None
        self._turn = asyncio.Lock()

    async def deliver(self, pieces: Iterable[list[bytes]], limit_s: float) -> int:
        """How many messages were sent without a refusal: fewer than all when the pace leaves no time. Raises
        `HttpError` or `OSError`; then all of them come again.
        """
        stop = time.monotonic() + max(0.0, limit_s - 2 * self._quiet_s)
        async with self._turn:
            port = await self._open()
            try:
                sent = await self._send(port, pieces, stop)
                await port.watch(self._quiet_s)
            except BaseException:
                port.close()
                raise
        return sent

    async def _send(self, port: "_Port", pieces: Iterable[list[bytes]], stop: float) -> int:
        sent = 0
        for piece in pieces:
            for at in range(0, len(piece), self._burst):
                burst = piece[at : at + self._burst]
                port.send(burst)
                sent += len(burst)
                await port.watch(len(burst) / self._rate)
                if time.monotonic() > stop:
                    return sent
        return sent

    async def close(self) -> None:
        """Close the port."""
        if self._port is not None:
            self._port.close()

    async def _open(self) -> "_Port":
        if self._port is not None and not self._port.is_fresh:
            self._port.close()
            self._port = None
        if self._port is None:
            sock = await self._addresses.aim()
            _, self._port = await asyncio.get_running_loop().create_datagram_endpoint(_Port, sock=sock)
        return self._port


class _Port(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._opened = time.monotonic()
        self._full = False

    @property
    def is_fresh(self) -> bool:
        return not self._failed.done() and time.monotonic() - self._opened < _FRESH_S

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # loops have classes of their own

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def error_received(self, exc: Exception) -> None:
        self._fail(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError())

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_result(error)

    def send(self, messages: list[bytes]) -> None:
        assert self._transport is not None  # noqa: S101 - made before anybody can send
        for message in messages:
            self._transport.sendto(message)

    async def watch(self, seconds: float) -> None:
        """Wait so long, and until the system takes more. Raises what was refused."""
        await asyncio.wait([self._failed], timeout=seconds)
        while not self._failed.done() and self._full:
            await asyncio.wait([self._failed], timeout=0.005)
        if self._failed.done():
            raise self._failed.result()

    def close(self) -> None:
        self._fail(ConnectionAbortedError())
        if self._transport is not None:
            self._transport.abort()
