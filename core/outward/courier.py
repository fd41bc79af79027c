"""One request to one endpoint, and what its answer means."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.outward.forms import FORMS
from core.outward.letter import Letter
from core.outward.policy import Policy
from core.store.webhooks import Webhook
from hub.access.secret_text import Sealer
from hub.model.outcome import Blocked, Delivered, Rejected
from hub.sdk.blame import Answer, Doubt
from hub.sdk.each import post
from hub.sdk.http import Client, Response
from hub.sdk.lifetime import Closing

__all__ = ["GONE", "Courier", "Tried"]

_OK, _REDIRECTS = range(200, 300), range(300, 400)
GONE: Final = 410
_TOO_LARGE, _TOO_MANY, _SERVER = 413, 429, 500
_GONE_PROBE_S: Final = 3600.0
_DOUBTFUL: Final = frozenset({400, 403, 409, 422, 500})
"""May be about this event, or about all (decision 6)."""
_MOST_ANSWER: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came back. `status` is `None` when nothing did; `error` is empty for a 2xx."""

    answer: Answer
    status: int | None
    error: str
    duration_ms: int


class Courier(Closing):
    """For one endpoint as it is set up now. Raises `ValueError` when its secret was sealed by another key."""

    def __init__(self, webhook: Webhook, sealer: Sealer, policy: Policy, now_ms: Callable[[], int]) -> None:
        self.webhook = webhook
        self._render = FORMS[webhook.form].render
        self._secret = sealer.open(webhook.secret)
        self._previous = sealer.open(webhook.previous_secret) if webhook.previous_secret else ""
        self._now_ms = now_ms
        self._policy = policy
        self._client = Client(
            deadline_s=policy.timeout_s,
            max_bytes=_MOST_ANSWER,
            allow_networks=policy.allow_networks,
            connections=policy.parallel,
        )

    async def close(self) -> None:
        await self._client.close()

    async def send(self, letter: Letter, left_s: float) -> Tried:
        """POST it, within the policy's time and what is left. Raises nothing but cancellation."""
        push = self._render(letter, self._live(), self._now_ms() // 1000)
        began = time.monotonic()
        within_s = min(left_s, self._policy.timeout_s)
        answer = await post(
            self._client, self.webhook.url, headers=push.headers, body=push.body, left_s=within_s
        )
        duration_ms = round((time.monotonic() - began) * 1000)
        if isinstance(answer, Response):
            error = "" if answer.status in _OK else _said(answer.status)
            return Tried(answer=_meant(answer), status=answer.status, error=error, duration_ms=duration_ms)
        return Tried(answer=answer, status=None, error=answer.reason[:500], duration_ms=duration_ms)

    def _live(self) -> tuple[str, ...]:
        until = self.webhook.previous_until_ms or 0
        return (
            (self._secret, self._previous) if self._previous and self._now_ms() < until else (self._secret,)
        )


def _meant(answer: Response) -> Answer:
    """The answer's body is not quoted: it is a stranger's."""
    status = answer.status
    if status in _OK:
        return Delivered()
    if status == _TOO_LARGE:
        return Rejected(_said(status))
    if status in _DOUBTFUL:
        return Doubt(reason=_said(status), refusal=status < _SERVER, after_s=answer.retry_after_s)
    wait_s = _GONE_PROBE_S if status == GONE else answer.retry_after_s
    return Blocked(_said(status), wait_s, limited=status == _TOO_MANY)


def _said(status: int) -> str:
    if status in _REDIRECTS:
        return f"{status}: redirects are not followed; write the final address"
    return f"{status}: gone, it wants no more events" if status == GONE else f"{status}: not accepted"
