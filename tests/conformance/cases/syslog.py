"""The syslog connector: a receiver played on loopback, over TLS with client certificates."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from hub.sdk.testing import Case, TestCa
from tests.factories.syslog import PlayedReceiver, parse

__all__ = ["CASE"]

_OTHER_CA = ("refuses our certificate", "shows a wrong certificate")
_PASSWORD = "sesame-of-the-key"  # a made secret that must not show up anywhere


class Played:
    """`PlayedReceiver` as the suite wants it."""

    def __init__(self, folder: Path) -> None:
        self._ca = TestCa(folder)
        other = folder / "other"
        other.mkdir()
        stranger = TestCa(other)
        server, client = self._ca.issue("server"), self._ca.issue("client")
        self._good = self._ca.server_context(server, ask_client=True)
        self._bad = {
            "refuses our certificate": _judging(server, stranger),
            "shows a wrong certificate": stranger.server_context(stranger.issue("server")),
        }
        self.receiver = PlayedReceiver(self._good)
        self._files = {"ca": self._ca.file, "client_cert": client.cert, "client_key": client.key}

    @property
    def options(self) -> dict[str, object]:
        files = {name: str(file) for name, file in self._files.items()}
        return {
            **files,
            "host": "127.0.0.1",
            "port": self.receiver.port,
            "client_key_password": _PASSWORD,
            "settle_ms": 40,
            "max_message_bytes": 16 * 1024 * 1024,
        }

    def taken(self) -> Sequence[str]:
        assert self.receiver.complaints == []
        return [parsed.data["id"] for parsed in self.receiver.parsed()]

    def body(self, uid: str) -> bytes:
        return next(each.msg for each in map(parse, self.receiver.messages) if each.data["id"] == uid)

    async def trouble(self, name: str) -> None:
        self.receiver.tls = self._bad.get(name, self._good)
        await self.receiver.become("takes" if name in self._bad else name)

    async def recover(self) -> None:
        self.receiver.tls = self._good
        await self.receiver.become("takes")

    def refuse(self, uids: Sequence[str]) -> None:
        raise AssertionError("a syslog receiver refuses nothing")


def _judging(server, stranger: TestCa) -> ssl.SSLContext:
    """Shows the right certificate, but trusts clients of another CA only."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.cert, server.key)
    context.load_verify_locations(stranger.file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def play(folder: Path) -> AsyncIterator[Played]:
    played = Played(folder)
    async with played.receiver:
        yield played


CASE = Case(
    kind="syslog",
    play=play,
    troubles=(
        "is down",
        "hangs",
        "closes at once",
        "closes on the first byte",
        "answers",
        *_OTHER_CA,
    ),
    idempotent=False,
    refuses=False,
    secrets=(_PASSWORD,),
)
