"""The Zapier connector: a Catch Hook is played on loopback."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from hub.sdk.testing import Case, Reply, StrictServer
from tests.conformance.played_http import PlayedHttp
from tests.factories.zapier import HOOK, PlayedZapier

__all__ = ["CASE"]

_TROUBLES = {
    "hangs": Reply(delay_s=60),
    "hangs up": Reply(hang_up=True),
    "refuses everything": Reply(status=400, body=b"no"),
    "forbids it": Reply(status=403, body=b"<h1>403</h1>"),
    "knows no such hook": Reply(status=404, json={"status": "error"}),
    "asks to slow down": Reply(status=429, headers={"Retry-After": "5"}),
    "fails": Reply(status=500),
    "is broken": Reply(status=503, body=b"<h1>503</h1>"),
    "redirects": Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}),
}


class Zap(PlayedHttp):
    """`PlayedZapier` as the suite wants it."""

    def __init__(self, server: StrictServer) -> None:
        self._played = PlayedZapier(server)
        super().__init__(server, self._played, _TROUBLES)
        self.options = self._played.options

    def taken(self) -> Sequence[str]:
        return [run["event_id"] for run in self._played.runs]

    def body(self, uid: str) -> bytes:
        return msgspec.json.encode(next(run for run in self._played.runs if run["event_id"] == uid))


@asynccontextmanager
async def play(_: Path) -> AsyncIterator[Zap]:
    async with StrictServer() as server:
        zap = Zap(server)
        yield zap
        assert zap._played.problems == []


CASE = Case(
    kind="zapier",
    play=play,
    troubles=("is down", *_TROUBLES),
    idempotent=False,
    refuses=True,
    whole=False,
    secrets=(HOOK, "hooks/catch"),
)
