"""TCP and TLS: one connection that stays, and the waiting that stands in for acknowledgements."""

import asyncio
import hmac
import ssl
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from connectors.syslog.address import Addresses
from connectors.syslog.message import count_octets, end_lines
from connectors.syslog.options import SyslogOptions
from connectors.syslog.stream import Link, Lost
from connectors.syslog.trouble import broken_handshake, refusal_of
from hub.sdk.connector import Context
from hub.sdk.http import Tls, TlsFailed
from hub.sdk.offload import Offload

__all__ = ["Stream"]

_WRITE_SHARE: Final = 0.5
"""Part of the time after which no more is written: the rest is for what is under way to arrive."""


class Stream:
    """Sends batches over a connection that it opens when needed."""

    def __init__(self, options: SyslogOptions, context: Context, addresses: Addresses) -> None:
        self._options = options
        self._addresses = addresses
        self._frame = end_lines if options.framing == "lf" else count_octets
        self._quiet_s = options.settle_ms / 1000
        self._files = Offload(f"syslog-{context.name}")
        self._link: Link | None = None
        self._turn = asyncio.Lock()

    async def deliver(self, pieces: Iterable[list[bytes]], limit_s: float) -> int:
        """How many messages, from the first on, arrived as far as anybody can tell: fewer than all on a slow
        line only. Raises `Lost`, `HttpError` or `OSError`; then none of them may count, and all come again.
        """
        stop = time.monotonic() + limit_s * _WRITE_SHARE
        async with self._turn:  # batches follow each other; only their settling overlaps
            link = await self.connect()
            try:
                written = await self._write(link, pieces, stop)
            except BaseException:  # cancelled: half a message may be out
                link.abort()
                raise
        try:
            await link.settle(self._quiet_s)
        except BaseException:
            link.abort()
            raise
        return written

    async def _write(self, link: Link, pieces: Iterable[list[bytes]], stop: float) -> int:
        written = 0
        for piece in pieces:
            await link.write(self._frame(piece))
            written += len(piece)
            if time.monotonic() > stop:
                break
            await asyncio.sleep(0)
        return written

    async def connect(self) -> Link:
        """The connection, a new one when the last has ended. Raises `Lost`, `HttpError` or `OSError`."""
        if self._link is not None and not self._link.alive:
            self._link.abort()
            self._link = None
        if self._link is None:
            self._link = await self._open()
        return self._link

    async def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            await self._link.close()
        self._files.close()

    async def _open(self) -> Link:
        options = self._options
        # Made anew for each connection: certificates are renewed while we run.
        tls = await self._files.run(_context, options) if options.transport == "tls" else None
        sock = await self._addresses.connect()
        try:
            link = await Link.open(sock, tls, options.server_name or options.host)
        except ConnectionError as error:
            raise TlsFailed(broken_handshake(options)) from error
        try:
            if tls is not None:
                self._check_fingerprint(link)
                await self._hear_refusal(link)
        except BaseException:
            link.abort()
            raise
        return link

    async def _hear_refusal(self, link: Link) -> None:
        """Under TLS 1.3 a client's handshake is done before the server has judged its certificate."""
        if link.secured is None or link.secured.version() != "TLSv1.3":
            return
        try:
            await link.watch(self._quiet_s)
        except Lost as lost:
            raise TlsFailed(refusal_of(lost, self._options)) from lost

    def _check_fingerprint(self, link: Link) -> None:
        wanted = _tls(self._options).digest()
        if wanted is None:
            return
        shown = link.secured.getpeercert(binary_form=True) if link.secured is not None else None
        if shown is None or not hmac.compare_digest(sha256(shown).digest(), wanted.fingerprint):
            raise TlsFailed(f"{self._options.origin}: the certificate does not have the expected fingerprint")


def _tls(options: SyslogOptions) -> Tls:
    password = options.client_key_password
    return Tls(
        ca=options.ca,
        cert=options.client_cert,
        key=options.client_key,
        key_password="" if password is None else password.get_secret_value(),
        fingerprint=options.fingerprint,
    )


def _context(options: SyslogOptions) -> ssl.SSLContext:
    made = _tls(options).context()
    return made if isinstance(made, ssl.SSLContext) else ssl.create_default_context()
