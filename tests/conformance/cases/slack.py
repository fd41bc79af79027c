"""The Slack connector: a workspace is played on loopback, a bot posts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from hub.sdk.testing import Case, Reply, StrictServer
from tests.conformance.played_http import PlayedHttp
from tests.factories.slack import TOKEN, PlayedSlack, word

__all__ = ["CASE"]

_TROUBLES = {
    "hangs": Reply(delay_s=60),
    "hangs up": Reply(hang_up=True),
    "revoked the token": word("token_revoked"),
    "lost the channel": word("channel_not_found"),
    "forbids it": word("restricted_action_read_only_channel"),
    "asks to slow down": Reply(status=429, headers={"Retry-After": "5"}, body=b"ratelimited"),
    "fails by itself": word("internal_error"),
    "says something new": word("no_such_error_before"),
    "is broken": Reply(status=503, body=b"<h1>503</h1>"),
    "is another service": Reply(body=b"<html>welcome</html>"),
    "redirects": Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}),
}


class Workspace(PlayedHttp):
    """`PlayedSlack` as the suite wants it."""

    def __init__(self, server: StrictServer) -> None:
        self._played = PlayedSlack(server)
        super().__init__(server, self._played, _TROUBLES)
        self.options = self._played.bot_options

    def taken(self) -> Sequence[str]:
        return [posted.event_id for posted in self._played.posted]

    def body(self, uid: str) -> bytes:
        return msgspec.json.encode(next(p.message for p in self._played.posted if p.event_id == uid))


@asynccontextmanager
async def play(_: Path) -> AsyncIterator[Workspace]:
    async with StrictServer() as server:
        workspace = Workspace(server)
        yield workspace
        assert workspace._played.problems == [
            "must be refused [json-pointer:/blocks/0]" for _ in workspace._played.problems
        ]
        assert [posted.mentions for posted in workspace._played.posted if posted.mentions] == []


CASE = Case(
    kind="slack",
    play=play,
    troubles=("is down", *_TROUBLES),
    idempotent=False,
    refuses=True,
    whole=False,
    secrets=(TOKEN,),
)
