"""Requests of polls: the source's base URL and credentials, and one budget for all polls of one credential.

Retry-After and X-RateLimit-* of any answer hold back every poll of that credential, in every worker. 429
and 503 both mean
slow down.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from math import isnan

from hub.config.model import Settings
from hub.pipeline.poll import Poll
from hub.sdk.http import Client, HttpError, Response
from hub.sdk.source import Answer, Call, PollFailed
from hub.store.state import State

__all__ = ["Caller", "reset_after_s"]

DEADLINE_S = 30.0
MAX_PAGE_BYTES = 32 * 1024 * 1024
_MAX_WAIT_S = 20.0
"""A budget that is further away than this ends the slice instead of holding a job."""
_DEFAULT_PER_MINUTE = 60.0
_SLOW = frozenset({429, 503})
_EPOCH_MS, _EPOCH_S = 1e12, 1e9


def reset_after_s(value: str, now_s: float) -> float | None:
    """Seconds until an X-RateLimit-Reset: above 1e12 epoch ms, above 1e9 epoch s, below that delta seconds;
    else `None`.
    """
    try:
        number = float(value)
    except ValueError:
        return None
    if isnan(number):
        return None
    if number > _EPOCH_MS:
        number /= 1000
    if number > _EPOCH_S:
        number -= now_s
    return min(max(number, 0.0), 3600.0)


class Caller:
    """Makes the `call` that a stream's fetch is given."""

    def __init__(self, settings: Callable[[], Settings], state: State, *, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._state = state
        self._now_ms = now_ms
        self._clients: dict[tuple[str, tuple[str, ...]], Client] = {}

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    def of(self, poll: Poll) -> Call:
        """The call for one poll."""
        config = self._settings().sources[poll.source]
        base = poll.spec.base_url(config.options).rstrip("/")
        auth = dict(poll.spec.auth(config.options))
        client = self._client(poll.source, config.allow_networks)
        bucket = "in:" + sha256(repr((base, sorted(auth.items()))).encode()).hexdigest()[:24]
        per_minute = config.budget.per_minute or _DEFAULT_PER_MINUTE
        burst = config.budget.burst or max(int(per_minute / 6), 1)

        async def call(
            method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
        ) -> Answer:
            await self._await_budget(bucket, per_minute / 60, burst)
            try:
                response = await client.request(method, base + path, headers=auth, params=params, body=body)
            except HttpError as error:
                raise PollFailed(str(error)) from error
            await self._note(bucket, response)
            return Answer(status=response.status, headers=response.headers, body=response.body)

        return call

    def _client(self, source: str, networks: tuple[str, ...]) -> Client:
        key = (source, networks)
        if key not in self._clients:
            self._clients[key] = Client(
                deadline_s=DEADLINE_S, max_bytes=MAX_PAGE_BYTES, allow_networks=networks, connections=2
            )
        return self._clients[key]

    async def _await_budget(self, bucket: str, rate_per_s: float, burst: int) -> None:
        ends = time.monotonic() + _MAX_WAIT_S
        while wait_ms := await self._state.take(bucket, rate_per_s, burst, 1, self._now_ms()):
            if time.monotonic() + wait_ms / 1000 > ends:
                raise PollFailed("the budget of this credential is used up", retry_after_s=wait_ms / 1000)
            await asyncio.sleep(wait_ms / 1000)

    async def _note(self, bucket: str, response: Response) -> None:
        """Hold the bucket as the answer asks."""
        now = self._now_ms()
        if response.status in _SLOW:
            wait_s = response.retry_after_s
            if wait_s is None:
                wait_s = reset_after_s(response.headers.get("x-ratelimit-reset", ""), now / 1000) or 1.0
            await self._state.hold(bucket, now + int(wait_s * 1000))
            raise PollFailed(f"HTTP {response.status}: slow down", retry_after_s=wait_s)
        if response.headers.get("x-ratelimit-remaining", "").strip() == "0":
            wait_s = reset_after_s(response.headers.get("x-ratelimit-reset", ""), now / 1000)
            if wait_s:
                await self._state.hold(bucket, now + int(wait_s * 1000))
