"""The OpenSearch connector: its destination is played on loopback."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from hub.sdk.testing import Case, Reply, StrictServer
from tests.conformance.played_http import PlayedHttp
from tests.factories.opensearch import PlayedOpenSearch

__all__ = ["CASE"]

_PASSWORD = "correct-horse-battery"  # a made secret that must not show up anywhere
_TROUBLES = {
    "hangs": Reply(delay_s=60),
    "hangs up": Reply(hang_up=True),
    "refuses the credentials": Reply(status=401, body=b"Unauthorized"),
    "forbids it": Reply(status=403, json={"error": {"type": "security_exception", "reason": "no"}}),
    "is overloaded": Reply(status=429, headers={"Retry-After": "5"}),
    "is broken": Reply(status=503, body=b"<h1>503</h1>"),
    "is another service": Reply(body=b"<html>welcome</html>"),
    "redirects": Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}),
}


class Cluster(PlayedHttp):
    """`PlayedOpenSearch` as the suite wants it."""

    def __init__(self, server: StrictServer) -> None:
        self._played = PlayedOpenSearch(server)
        super().__init__(server, self._played, _TROUBLES)
        self.options = {"url": server.url, "username": "hub", "password": _PASSWORD}

    def taken(self) -> Sequence[str]:
        return list(self._played.held)

    def body(self, uid: str) -> bytes:
        return self._played.held[uid]


@asynccontextmanager
async def play(_: Path) -> AsyncIterator[Cluster]:
    async with StrictServer() as server:
        yield Cluster(server)


CASE = Case(
    kind="opensearch",
    play=play,
    troubles=("is down", *_TROUBLES),
    idempotent=True,
    refuses=True,
    secrets=(_PASSWORD, "aHViOmNvcnJlY3QtaG9yc2U"),
)
