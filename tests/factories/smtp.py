"""A real SMTP server on loopback that plays downstream, with refusals and trouble to be set."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Delivered", "SmtpServer"]


@dataclass(frozen=True)
class Delivered:
    """What it took with a 2xx (or took, and told nobody)."""

    sender: str
    recipients: tuple[str, ...]
    message: bytes
    options: tuple[str, ...] = ()
    encrypted: bool = False


@dataclass
class SmtpServer:
    """`async with SmtpServer() as smtp`; everything may be changed while it runs.

    `rcpt` are answers by recipient, `mail` and `data` those to MAIL and after the message. `drop`: take the
    message and close the connection without a word. `hang`: say nothing after the message. `taken` is called
    with every message before it is answered.
    """

    mail: str = ""
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = ""
    drop: bool = False
    hang: bool = False
    tls: ssl.SSLContext | None = None
    utf8: bool = False
    taken: Callable[[Delivered], Awaitable[None]] | None = None
    port: int = 0
    delivered: list[Delivered] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._made, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    def _made(self) -> SMTP:
        self.connections += 1
        return _Server(
            _Handler(self),
            hostname="downstream.example",
            tls_context=self.tls,
            enable_SMTPUTF8=self.utf8,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            loop=asyncio.get_running_loop(),
        )

    def to(self, recipient: str) -> list[Delivered]:
        return [one for one in self.delivered if recipient in one.recipients]


class _Server(SMTP):
    line_length_limit = 1024 * 1024


class _Handler:
    def __init__(self, played: SmtpServer) -> None:
        self.played = played

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.played.mail:
            return self.played.mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.played.rcpt.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        played = self.played
        if played.data and not played.data.startswith("2"):
            return played.data
        content: Any = envelope.original_content
        one = Delivered(
            (envelope.mail_from or "").removeprefix("<>"),  # as the library writes the null sender
            tuple(envelope.rcpt_tos),
            bytes(content),
            tuple(envelope.mail_options),
            session.ssl is not None,
        )
        played.delivered.append(one)
        if played.taken is not None:
            await played.taken(one)
        if played.hang:
            await asyncio.sleep(600)
        if played.drop and server.transport is not None:
            server.transport.abort()
            await asyncio.sleep(600)
        return played.data or "250 2.0.0 queued as 4711"
