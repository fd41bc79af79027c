"""A Slack that is played on loopback, strictly: both ways to post, authentication, limits, rates, trouble."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hub.sdk.testing import Received, Reply, StrictServer
from tests.factories.slack_blocks import mentions, refusal

__all__ = ["CHANNEL", "TOKEN", "PlayedSlack", "Posted", "word"]

TOKEN = "xoxb-made-4242"  # a made secret that must not show up anywhere
CHANNEL = "C0123456789"
_HOOK = "/services/T000/B000/made-hook-secret"
_ARGUMENTS = {"channel", "text", "blocks", "metadata", "unfurl_links", "unfurl_media"}
_WEBHOOK_STATUS = {
    "invalid_payload": 400,
    "user_not_found": 400,
    "no_text": 400,
    "invalid_blocks": 400,
    "too_many_attachments": 400,
    "action_prohibited": 403,
    "invalid_token": 403,
    "posting_to_general_channel_denied": 403,
    "team_disabled": 403,
    "channel_not_found": 404,
    "no_service": 404,
    "no_team": 404,
    "no_active_hooks": 404,
    "channel_is_archived": 410,
    "rollup_error": 500,
}


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that a channel holds."""

    message: Mapping[str, Any]
    mentions: list[str]

    @property
    def event_id(self) -> str:
        """From the metadata of a bot's message, else from the small print."""
        if "metadata" in self.message:
            return str(self.message["metadata"]["event_payload"]["id"])
        small = [each["text"] for each in self.message["blocks"][-1]["elements"]]
        return next(text for text in small if text.startswith("event ")).removeprefix("event ")


def word(error: str, *, webhook: bool = False, **more: Any) -> Reply:
    """An error as Slack says it."""
    if webhook:
        return Reply(status=_WEBHOOK_STATUS.get(error, 400), body=error.encode())
    return Reply(json={"ok": False, "error": error, **more})


@dataclass(slots=True)
class PlayedSlack:
    """Rules for a `StrictServer`: everything the connector may ask, and nothing else."""

    server: StrictServer
    posted: list[Posted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Why messages were refused."""
    always: Reply | None = None
    """Answer to every message, while set."""
    refused: frozenset[str] = frozenset()
    """Event ids of messages that are refused as invalid, whatever they hold."""
    broken: frozenset[str] = frozenset()
    """Event ids of messages over which Slack fails by itself."""
    scopes: str = "chat:write,incoming-webhook"
    rate_per_s: float | None = None
    """Messages a second, once the burst is used up; `None` is no limit."""
    burst: int = 5
    clock: Callable[[], float] = time.monotonic
    _tokens: float = 0.0
    _at: float | None = None

    def __post_init__(self) -> None:
        self.server.allow("POST", "/api/chat.postMessage", self._post_message)
        self.server.allow("POST", "/api/auth.test", self._auth_test)
        self.server.allow("POST", "/services/.*", self._webhook)
        self.server.allow("HEAD", "/", Reply(status=302, headers={"Location": "https://slack.com/"}))

    @property
    def bot_options(self) -> dict[str, object]:
        """For a bot that posts here."""
        return {"token": TOKEN, "channel": CHANNEL, "api_url": f"{self.server.url}/api"}

    @property
    def webhook_options(self) -> dict[str, object]:
        """For an incoming webhook that leads here."""
        return {"webhook_url": self.server.url + _HOOK}

    # -- the Web API -----------------------------------------------------------------------------------------
    def _post_message(self, request: Received) -> Reply:
        if self.always is not None:
            return self.always
        error = self._unauthorised(request) or self._untyped(request)
        if error:
            return word(error)
        if self._is_too_fast():
            return Reply(status=429, headers={"Retry-After": "1"}, json={"ok": False, "error": "ratelimited"})
        message = msgspec.json.decode(request.body)
        error = self._misaddressed(message)
        return word(error) if error else self._take(message, webhook=False)

    def _auth_test(self, request: Received) -> Reply:
        if self.always is not None:
            return self.always
        error = self._unauthorised(request)
        if error:
            return word(error)
        about = {"ok": True, "team": "Acme", "user": "mxhub", "team_id": "T000", "bot_id": "B000"}
        return Reply(json=about, headers={"X-OAuth-Scopes": self.scopes})

    def _unauthorised(self, request: Received) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return "not_authed"
        return "" if token == TOKEN else "invalid_auth"

    def _untyped(self, request: Received) -> str:
        typed = request.headers.get("content-type", "")
        return "" if typed == "application/json; charset=utf-8" else "missing_post_type"

    def _misaddressed(self, message: dict) -> str:
        if message.get("channel") != CHANNEL:
            return "channel_not_found"
        if set(message) - _ARGUMENTS:
            return "invalid_arg_name"
        metadata = message.get("metadata", {"event_type": "x", "event_payload": {}})
        if set(metadata) != {"event_type", "event_payload"} or not isinstance(
            metadata["event_payload"], dict
        ):
            return "invalid_metadata_format"
        return ""

    # -- incoming webhooks -----------------------------------------------------------------------------------
    def _webhook(self, request: Received) -> Reply:
        if self.always is not None:
            return self.always
        if request.path != _HOOK:
            return word("no_service", webhook=True)
        if self._is_too_fast():
            return Reply(status=429, headers={"Retry-After": "1"}, body=b"rate_limited")
        try:
            message = msgspec.json.decode(request.body)
        except msgspec.DecodeError:
            return word("invalid_payload", webhook=True)
        return self._take(message, webhook=True)

    # -- both ------------------------------------------------------------------------------------------------
    def _take(self, message: dict, *, webhook: bool) -> Reply:
        posted = Posted(message, mentions(message))
        found = refusal(message)
        if found is None and posted.event_id in self.refused:
            found = "invalid_blocks", "must be refused [json-pointer:/blocks/0]"
        if found is not None:
            self.problems.append(found[1])
            return word(found[0], webhook=webhook, response_metadata={"messages": [found[1]]})
        if posted.event_id in self.broken:
            return word("rollup_error" if webhook else "fatal_error", webhook=webhook)
        self.posted.append(posted)
        return Reply(body=b"ok") if webhook else self._receipt()

    def _receipt(self) -> Reply:
        stamp = f"1777621333.{len(self.posted):06d}"
        return Reply(json={"ok": True, "channel": CHANNEL, "ts": stamp})

    def _is_too_fast(self) -> bool:
        if self.rate_per_s is None:
            return False
        now = self.clock()
        passed = 0.0 if self._at is None else now - self._at
        full = float(self.burst) if self._at is None else self._tokens + passed * self.rate_per_s
        self._tokens, self._at = min(full, self.burst), now
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False
