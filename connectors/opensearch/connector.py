"""Send batches to OpenSearch 2 and 3."""

import time
from collections.abc import Sequence
from typing import Any

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import OpenSearchException

from connectors.opensearch.bulk import ANSWER_FIELDS, body_of, outcomes_of
from connectors.opensearch.names import Names
from connectors.opensearch.options import OpenSearchOptions
from connectors.opensearch.setup import Setup
from connectors.opensearch.transport import open_client, open_http
from connectors.opensearch.trouble import blocked_by, is_broken, is_content_refused, is_too_large
from hub.model.event import Entry
from hub.model.outcome import Blocked, Outcome, Rejected, Retry
from hub.sdk.connector import Context
from hub.sdk.lifetime import Closing

__all__ = ["OpenSearchConnector"]

_NDJSON = {"content-type": "application/x-ndjson"}
_TWICE = 2


class OpenSearchConnector(Closing):
    """Creates each event under its own id in the index of its time."""

    def __init__(self, options: OpenSearchOptions, context: Context) -> None:
        self._http = open_http(options, context)
        self._client: AsyncOpenSearch = open_client(options, self._http)
        self._names = Names(options)
        self._setup = Setup(self._client, options)
        self._limit_s = context.give_up_s
        self._attempts = max(_TWICE, len(options.urls))
        self._room: int | None = None
        """Bytes of bodies that a request may hold, learnt from the last 413."""

    async def close(self) -> None:
        await self._client.close()
        await self._http.close()

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """One outcome an event; asks as often as the size that the cluster takes demands."""
        until = time.monotonic() + self._limit_s
        try:
            await self._setup.ensure(until)
        except (OpenSearchException, ValueError) as error:
            return [blocked_by(error)] * len(batch)
        outcomes: list[Outcome] = []
        for part in _parts(batch, self._room):
            outcomes += await self._send(part, until)
            if isinstance(outcomes[-1], Blocked):
                return _filled(outcomes, len(batch))
        return outcomes

    async def _send(self, part: Sequence[Entry], until: float) -> list[Outcome]:
        try:
            answer = await self._bulk(body_of(part, self._names), until)
            return _as_a_whole(outcomes_of(answer, len(part)))
        except (OpenSearchException, ValueError) as error:
            if not is_content_refused(error):
                return [blocked_by(error)] * len(part)
            if is_too_large(error):
                self._room = max(sum(len(entry.body) for entry in part) // 2, 1)
            if len(part) == 1:
                return [Rejected(f"{len(part[0].body)} bytes refused: {blocked_by(error).reason}")]
        return await self._halves(part, until)

    async def _halves(self, part: Sequence[Entry], until: float) -> list[Outcome]:
        middle = len(part) // 2
        first = await self._send(part[:middle], until)
        if isinstance(first[-1], Blocked):
            return _filled(first, len(part))
        return first + await self._send(part[middle:], until)

    async def _bulk(self, body: bytes, until: float) -> Any:
        """Ask again at once when a connection broke: it may have been an old one, or another node answers."""
        for attempt in range(1, self._attempts + 1):
            remaining_s = max(until - time.monotonic(), 0.001)
            params = {"request_timeout": remaining_s, "filter_path": ANSWER_FIELDS}
            try:
                return await self._client.bulk(body=body, params=params, headers=_NDJSON)
            except OpenSearchException as error:
                if attempt == self._attempts or not is_broken(error):
                    raise
        raise AssertionError("the last attempt returns or raises")


def _parts(batch: Sequence[Entry], room: int | None) -> list[Sequence[Entry]]:
    """The batch in pieces of at most `room` bytes, each of at least one event."""
    if room is None:
        return [batch]
    parts: list[Sequence[Entry]] = []
    start, size = 0, 0
    for at, entry in enumerate(batch):
        size += len(entry.body)
        if size > room and at > start:
            parts.append(batch[start:at])
            start, size = at, len(entry.body)
    return [*parts, batch[start:]]


def _filled(outcomes: list[Outcome], count: int) -> list[Outcome]:
    """What was not asked about shares the block."""
    return outcomes + [outcomes[-1]] * (count - len(outcomes))


def _as_a_whole(outcomes: list[Outcome]) -> list[Outcome]:
    """When every one of several events is to come later it is the cluster that is overloaded."""
    if len(outcomes) > 1 and all(isinstance(outcome, Retry) for outcome in outcomes):
        first = outcomes[0]
        assert isinstance(first, Retry)  # noqa: S101 - for the type checker; `all` has just said so
        return [Blocked(f"all {len(outcomes)} events: {first.reason}")] * len(outcomes)
    return outcomes
