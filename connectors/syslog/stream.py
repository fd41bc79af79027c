"""One connection to a receiver: writes, and watches for anything that comes back.

A syslog receiver never says anything. So whatever it does on the connection, closing it included, means that
what was written last may not have been taken.
"""

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from typing import Final

__all__ = ["Link", "Lost"]

_HIGH_WATER: Final = 64 * 1024
_UNSENT_BYTES: Final = 128 * 1024
_POLL_S: Final = 0.005
_CLOSE_S: Final = 1.0
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
"""Seconds and probes: a silent peer is found dead after a minute."""
_USER_TIMEOUT_MS: Final = 30_000


class Lost(Exception):
    """The connection is no more. `cause` is the exception that ended it, if there was one."""

    def __init__(self, reason: str, cause: BaseException | None = None) -> None:
        super().__init__(reason)
        self.cause = cause


class Link(asyncio.Protocol):
    """A connection over an open socket, with or without TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tcp: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None
        self._lost: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, sock: socket.socket, tls: ssl.SSLContext | None, server_name: str) -> "Link":
        """Take over a connected socket; shake hands with `tls`. Raises what the handshake raises."""
        _prepare(sock)
        loop = asyncio.get_running_loop()
        link = cls(sock)
        try:
            tcp, _ = await loop.create_connection(lambda: link, sock=sock)
        except BaseException:
            sock.close()
            raise
        link._tcp = link._transport = tcp
        if tls is not None:
            try:
                await link.watch(0)  # a banner, or a close, has come already
                upgraded = await loop.start_tls(tcp, link, tls, server_hostname=server_name)
            except BaseException:
                tcp.abort()
                raise
            if upgraded is None:  # closed in the very moment of its success
                raise ConnectionResetError
            link._transport = upgraded
        link._transport.set_write_buffer_limits(high=_HIGH_WATER)
        return link

    @property
    def alive(self) -> bool:
        """Whether nothing has ended it so far."""
        return not self._lost.done()

    @property
    def secured(self) -> ssl.SSLObject | None:
        """What TLS agreed on."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    # -- what the loop tells ---------------------------------------------------------------------------------
    def data_received(self, _: bytes) -> None:
        self._end(Lost("it answered, which no syslog receiver does; does the port belong to something else?"))
        self.abort()

    def eof_received(self) -> bool:
        self._end(Lost("the receiver closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Lost("the connection broke" if exc else "the receiver closed the connection", exc))

    def _end(self, lost: Lost) -> None:
        if not self._lost.done():
            self._lost.set_result(lost)

    # -- what the sender does --------------------------------------------------------------------------------
    async def write(self, data: bytes) -> None:
        """Hand over, and wait until most of it is on its way. Raises `Lost`."""
        await self.watch(0)
        assert self._transport is not None  # noqa: S101 - `open` has set it
        self._transport.write(data)
        while self._buffered() > _HIGH_WATER:
            await self.watch(_POLL_S)

    async def settle(self, quiet_s: float) -> None:
        """Wait until the receiver's machine has everything, and nothing came back for `quiet_s` after that.

        Raises `Lost`.
        """
        while self._buffered() or self._unacknowledged():
            await self.watch(_POLL_S)
        await self.watch(quiet_s)

    async def watch(self, seconds: float) -> None:
        """Wait so long. Raises `Lost` as soon as the connection is."""
        if not self._lost.done() and seconds:
            await asyncio.wait([self._lost], timeout=seconds)
        if self._lost.done():
            raise self._lost.result()

    def abort(self) -> None:
        """Drop it with what is not written yet."""
        self._end(Lost("the connection was given up"))
        if self._transport is not None:
            self._transport.abort()
        if self._tcp is not None:
            self._tcp.abort()

    async def close(self) -> None:
        """Say good-bye (close_notify under TLS) and leave."""
        if self._transport is not None and self.alive:
            self._transport.close()
            await asyncio.wait([self._lost], timeout=_CLOSE_S)
        self.abort()

    def _buffered(self) -> int:
        """Bytes of ours that the system has not taken yet, encrypted or not."""
        parts = {id(each): each for each in (self._transport, self._tcp) if each is not None}
        return sum(each.get_write_buffer_size() for each in parts.values())

    def _unacknowledged(self) -> int:
        """Bytes that the other machine has not acknowledged (SIOCOUTQ, tcp(7)); 0 where nobody can tell."""
        try:
            held = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
        except (OSError, ValueError):
            return 0
        return int(struct.unpack("i", held)[0])


def _prepare(sock: socket.socket) -> None:
    """Find a dead peer soon, and keep little unsent in the system: a deadline must know what went out."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = (*_KEEPALIVE, ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS), ("TCP_NOTSENT_LOWAT", _UNSENT_BYTES))
    for name, value in wanted:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
