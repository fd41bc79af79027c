"""The SMTP client: one message to the first server that answers, and what each recipient was told.

A server that cannot be reached, or that turns us away before the envelope, is followed by the next. Once the
message itself is on its way there is no next one: a second server might deliver it again.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from socket import AF_UNSPEC
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from hub.sdk.http import Guard, Refused
from hub.sdk.http.resolve import Resolver

__all__ = ["Letter", "Outcome", "Relay", "Target"]

_MOST_ADDRESSES = 4
"""Of one server that are tried."""
_MOST_WORDS = 400
_PERMANENT = 500
_QUIT_S = 1.0
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\s]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A server: a name or an address, and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is sent, with its envelope."""

    sender: str
    addresses: tuple[str, ...]
    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a recipient was told: `sent` (2xx), `refused` (5xx), or `later`, in the server's own words.

    `unsure`: the connection broke while the message was under way, so it may have been taken.
    """

    state: Literal["sent", "refused", "later"]
    words: str = ""
    unsure: bool = False


class Relay:
    """Sends by SMTP.

    Args:
        guard: which addresses may be connected to.
        hostname: what we call ourselves in EHLO.
        deadline_s: limit on all of it, name resolution and every server included.
        command_s: limit on one answer; the one after the message may take three times as long.

    """

    def __init__(
        self, guard: Guard, hostname: str, *, deadline_s: float = 100.0, command_s: float = 20.0
    ) -> None:
        self._resolver = Resolver(guard)
        self._hostname = hostname
        self._deadline_s = deadline_s
        self._command_s = command_s

    async def send(self, targets: Sequence[Target], letter: Letter) -> dict[str, Outcome]:
        """An outcome for every address of the letter. Raises nothing but being cancelled."""
        session = _Session(letter, self._command_s)
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._first(targets, session)
        except TimeoutError:
            session.trouble = "the downstream servers took too long"
        return session.outcomes()

    async def close(self) -> None:
        await self._resolver.close()

    async def _first(self, targets: Sequence[Target], session: "_Session") -> None:
        for target in targets:
            for address in await self._addresses(target, session):
                if await self._at(target, address, session):
                    return

    async def _addresses(self, target: Target, session: "_Session") -> list[str]:
        try:
            async with asyncio.timeout(self._command_s):
                found = await self._resolver.resolve(target.host, target.port, AF_UNSPEC)
        except TimeoutError:
            session.trouble = f"{target.host} could not be looked up in time"
        except Refused as error:
            session.trouble = f"{target.host} is not allowed: {error}"
        except (OSError, UnicodeError):
            session.trouble = f"{target.host} has no address"
        else:
            return [one["host"] for one in found][:_MOST_ADDRESSES]
        return []

    async def _at(self, target: Target, address: str, session: "_Session") -> bool:
        """Whether this server had its say; with TLS where it offers that, without where TLS then fails."""
        for encrypted in (True, False):
            smtp = self._client(address, target.port)
            try:
                if await _opened(smtp, target.host, encrypted=encrypted):
                    await session.run(smtp)
                    await _left(smtp)
                    return True
            except (SMTPException, OSError, ValueError) as error:
                session.trouble = f"{target.host}: {_said(error)}"
                return session.under_way
            finally:
                smtp.close()
        return False

    def _client(self, address: str, port: int) -> SMTP:
        return SMTP(
            hostname=address,
            port=port,
            local_hostname=self._hostname,
            timeout=self._command_s,
            start_tls=False,
            tls_context=_context(),
        )


async def _opened(smtp: SMTP, name: str, *, encrypted: bool) -> bool:
    """Connect and greet. False: TLS was offered and failed, which says nothing of the server."""
    await smtp.connect()
    try:
        await smtp.ehlo()
    except SMTPHeloError:
        await smtp.helo()
        return True
    if not encrypted or not smtp.supports_extension("starttls"):
        return True
    try:
        await smtp.starttls(server_hostname=name)
        await smtp.ehlo()
    except (SMTPException, OSError, ValueError):
        return False
    return True


async def _left(smtp: SMTP) -> None:
    with suppress(SMTPException, OSError):
        await smtp.quit(timeout=_QUIT_S)


@cache
def _context() -> ssl.SSLContext:
    """Encryption against listeners only: names of mail servers prove nothing (RFC 7435)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(slots=True)
class _Session:
    letter: Letter
    command_s: float
    trouble: str = "no downstream server is set"
    taken: list[str] = field(default_factory=list)
    under_way: bool = False
    told: dict[str, Outcome] = field(default_factory=dict)

    def outcomes(self) -> dict[str, Outcome]:
        """Whoever was told nothing is to be tried later; with the message under way nobody knows."""
        unsure = self.under_way
        return {
            one: self.told.get(one)
            or Outcome(state="later", words=_plain(self.trouble), unsure=unsure and one in self.taken)
            for one in self.letter.addresses
        }

    async def run(self, smtp: SMTP) -> None:
        """One mail transaction (RFC 5321 section 3.3); what a server before this one said is forgotten."""
        letter, self.taken, self.told = self.letter, [], {}
        wide = not all(one.isascii() for one in (letter.sender, *letter.addresses))
        if wide and not smtp.supports_extension("smtputf8"):
            self._all(_PERMANENT + 50, "5.6.7 the downstream server takes no internationalised addresses")
            return
        encoding = "utf-8" if wide else "ascii"
        try:
            await smtp.mail(letter.sender, options=self._options(smtp, wide=wide), encoding=encoding)
        except SMTPSenderRefused as error:
            if error.code < _PERMANENT:
                raise
            self._all(error.code, error.message)
            return
        await self._recipients(smtp, encoding)
        if self.taken:
            await self._message(smtp)

    def _options(self, smtp: SMTP, *, wide: bool) -> list[str]:
        message = self.letter.message
        wanted = {
            "size": f"SIZE={len(message)}",
            "8bitmime": "" if message.isascii() else "BODY=8BITMIME",
            "smtputf8": "SMTPUTF8" if wide else "",
        }
        return [option for name, option in wanted.items() if option and smtp.supports_extension(name)]

    async def _recipients(self, smtp: SMTP, encoding: str) -> None:
        for one in self.letter.addresses:
            try:
                await smtp.rcpt(one, encoding=encoding)
                self.taken.append(one)
            except SMTPRecipientRefused as error:
                self.told[one] = _outcome(error.code, error.message)

    async def _message(self, smtp: SMTP) -> None:
        self.under_way = True
        try:
            reply = await smtp.data(self.letter.message, timeout=3 * self.command_s)
            told = _outcome(reply.code, reply.message)
        except SMTPDataError as error:
            told = _outcome(error.code, error.message)
        self.under_way = False
        self.told.update(dict.fromkeys(self.taken, told))

    def _all(self, code: int, words: str) -> None:
        self.told = dict.fromkeys(self.letter.addresses, _outcome(code, words))


def _outcome(code: int, words: str) -> Outcome:
    said = _plain(f"{code} {words}")
    if 200 <= code < 300:  # noqa: PLR2004 - RFC 5321 section 4.2.1
        return Outcome(state="sent", words=said)
    return Outcome(state="refused" if code >= _PERMANENT else "later", words=said)


def _said(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error) or type(error).__name__


def _plain(text: str) -> str:
    """A server's words on one line, without what a terminal or a database would trip over."""
    clean = text.encode("utf-8", "replace").decode()
    return _UNSEEN.sub(" ", clean).strip()[:_MOST_WORDS]
