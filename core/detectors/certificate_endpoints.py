"""Certificates that servers show: TLS at once, or after STARTTLS of SMTP. Addresses pass the guard first."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, Self

from aiosmtplib import SMTP, SMTPException
from cryptography import x509

from core.detectors.certificate_files import as_seen
from core.detectors.certificates import Look, Seen
from hub.sdk.http.errors import Refused
from hub.sdk.http.guard import Guard
from hub.sdk.http.resolve import Resolver

__all__ = ["Endpoint", "Endpoints"]

_TIMEOUT_S: Final = 15.0
_AT_ONCE: Final = 8
_DEFAULT_PORTS: Final = {"tls": 443, "smtp": 25}
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`tls` speaks TLS at once, `smtp` after STARTTLS."""

    kind: Literal["tls", "smtp"]
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`mail.example.com`, `mail.example.com:993`, `smtp://mx1.example.com`, `[2001:db8::7]:443`.

        Raises `ValueError`.
        """
        scheme, _, rest = text.rpartition("://")
        kind = scheme or "tls"
        host, port = _split(rest)
        number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0  # noqa: PLR2004
        if kind not in _DEFAULT_PORTS or not host or (port and not 0 < number <= _LAST_PORT):
            raise ValueError(f"{text!r}: write host:port for TLS or smtp://host:port for STARTTLS")
        known: Literal["tls", "smtp"] = "smtp" if kind == "smtp" else "tls"
        return cls(known, host.lower(), number or _DEFAULT_PORTS[kind])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"


class Endpoints:
    """Looks at servers. Names and trust are not checked: the certificate is wanted, whoever it is for."""

    def __init__(self, guard: Guard, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._guard = guard
        self._resolver = Resolver(guard)
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    async def look_at(self, endpoints: Iterable[Endpoint]) -> Look:
        """All of them, some at once. Raises nothing but cancellation."""
        gate = asyncio.Semaphore(_AT_ONCE)
        failed: dict[str, str] = {}

        async def one(endpoint: Endpoint) -> Seen | None:
            async with gate:
                try:
                    async with asyncio.timeout(self._timeout_s):
                        return await self._shown(endpoint)
                except Exception as error:  # whatever a server may do
                    failed[str(endpoint)] = _reason(error)
                    return None

        found = await asyncio.gather(*(one(each) for each in endpoints))
        return Look(seen=tuple(each for each in found if each is not None), failed=failed)

    async def close(self) -> None:
        await self._resolver.close()

    async def _shown(self, endpoint: Endpoint) -> Seen:
        sock = await self._connect(endpoint)
        try:
            show = self._after_starttls if endpoint.kind == "smtp" else self._at_once
            data = await show(sock, endpoint.host)
        finally:
            sock.close()
        return as_seen(x509.load_der_x509_certificate(data), str(endpoint))

    async def _connect(self, endpoint: Endpoint) -> socket.socket:
        self._guard.check_literal(endpoint.host)
        found = await self._resolver.resolve(endpoint.host, endpoint.port, socket.AF_UNSPEC)
        problem: Exception = OSError("the name has no address")
        for each in found:
            place = (each["host"], each["port"])
            sock = self._guard.make_socket((each["family"], socket.SOCK_STREAM, 0, "", place))
            sock.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(sock, place)
            except OSError as error:
                problem = error
                sock.close()
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise problem

    async def _at_once(self, sock: socket.socket, host: str) -> bytes:
        """Plain first: a handshake that is cut short would keep the transport that it made for itself."""
        loop = asyncio.get_running_loop()
        plain, protocol = await loop.create_connection(asyncio.Protocol, sock=sock)
        try:
            secured = await loop.start_tls(plain, protocol, self._tls, server_hostname=host)
            if secured is None:
                raise ssl.SSLError("the connection ended")
            try:
                return _certificate(secured.get_extra_info("ssl_object"))
            finally:
                secured.abort()
        finally:
            plain.abort()
            await asyncio.sleep(0)

    async def _after_starttls(self, sock: socket.socket, host: str) -> bytes:
        client = SMTP(
            hostname=host, sock=sock, start_tls=True, tls_context=self._tls, timeout=self._timeout_s
        )
        transport = None
        try:
            await client.connect()
            transport = client.transport
            return _certificate(client.get_transport_info("ssl_object"))
        finally:
            with suppress(Exception):
                client.close()
            if isinstance(
                transport, asyncio.WriteTransport
            ):  # it would wait half a minute for the server to end TLS as well
                transport.abort()
                await asyncio.sleep(0)


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = text.rpartition(":")
    return (host, port) if colon else (port, "")


def _certificate(found: object) -> bytes:
    data = found.getpeercert(binary_form=True) if isinstance(found, ssl.SSLObject) else None
    if not data:
        raise ssl.SSLError("no certificate")
    return data


def _reason(error: Exception) -> str:
    if isinstance(error, Refused):
        return str(error)[:200]
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, SMTPException):
        return "the server offers no STARTTLS"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
