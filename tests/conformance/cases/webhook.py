"""The webhook connector: a receiver that verifies is played on loopback."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from hub.sdk.testing import Case, Reply, StrictServer
from tests.conformance.played_http import PlayedHttp
from tests.factories.webhook import PATH, SECRET, PlayedReceiver

__all__ = ["CASE"]

_BEARER = "Bearer t0ken-of-a-header"
_TROUBLES = {
    "hangs": Reply(delay_s=60),
    "hangs up": Reply(hang_up=True),
    "cannot verify": Reply(status=400, body=b"bad signature"),
    "refuses the credentials": Reply(status=401),
    "forbids it": Reply(status=403, body=b"<h1>403</h1>"),
    "has nothing there": Reply(status=404),
    "is overloaded": Reply(status=429, headers={"Retry-After": "5"}),
    "fails": Reply(status=500, body=b"Traceback: confidential-subject"),
    "is broken": Reply(status=503, body=b"<h1>503</h1>"),
    "redirects": Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}),
}


class Receiver(PlayedHttp):
    """`PlayedReceiver` as the suite wants it."""

    def __init__(self, server: StrictServer) -> None:
        self._played = PlayedReceiver(server)
        super().__init__(server, self._played, _TROUBLES)
        self.options = {
            "url": server.url + PATH,
            "secrets": [SECRET],
            "headers": {"Authorization": _BEARER},
        }

    def taken(self) -> Sequence[str]:
        return list(self._played.order)

    def body(self, uid: str) -> bytes:
        return self._played.data(uid)


@asynccontextmanager
async def play(_: Path) -> AsyncIterator[Receiver]:
    async with StrictServer() as server:
        yield Receiver(server)


CASE = Case(
    kind="webhook",
    play=play,
    troubles=("is down", *_TROUBLES),
    idempotent=True,
    refuses=True,
    order="source",
    secrets=(SECRET, SECRET.removeprefix("whsec_"), _BEARER, "t0ken-of-the-path"),
)
