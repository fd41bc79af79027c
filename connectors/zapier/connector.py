"""One POST an alert, one after the other."""

from collections.abc import Sequence
from typing import Final

from connectors.zapier.fields import payload
from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered, Outcome, Rejected
from hub.sdk.blame import Answer, Blame, Doubt
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.each import post, send_each
from hub.sdk.http import Client, HttpError, Response, reach
from hub.sdk.lifetime import Closing

__all__ = ["ZapierConnector", "probe"]

_MOST_ANSWER = 64 * 1024
_JSON = {"content-type": "application/json", "accept": "application/json"}
_OK, _GONE, _TOO_LARGE, _TOO_MANY = range(200, 300), 410, 413, 429
_GONE_PROBE_S: Final = 86_400.0
_DOUBTFUL = frozenset({400, 403, 409, 422, 500})
"""What a filter before Zapier may say to one event, and Zapier to all."""
_ADVICE = {
    403: "Zapier, or a filter before it, refuses us",
    404: "Zapier does not know this address: copy it again from the Zap's trigger",
    410: "gone: the hook was removed. Its events wait: write the new address as url, or give them up with"
    " `mxhub connectors forget`",
    429: "too many requests: 30 a second for a hook, 10,000 in 5 minutes for a Zapier user",
}


class ZapierConnector(Closing):
    """Starts one run of a Zap for each event."""

    def __init__(self, url: str, context: Context) -> None:
        self._url = url
        self._client = _client(context)
        self._limit_s = context.give_up_s
        self._blame = Blame()

    async def close(self) -> None:
        await self._client.close()

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """One outcome an event. An answer of 200 means that Zapier has it, not that the Zap ran."""
        return self._blame.judge(batch, await send_each(batch, self._post, within_s=self._limit_s))

    async def _post(self, entry: Entry, left_s: float) -> Answer:
        body = payload(entry)
        answer = await post(self._client, self._url, headers=_JSON, body=body, left_s=left_s)
        return _meant(answer, len(body)) if isinstance(answer, Response) else answer


def _meant(answer: Response, size: int) -> Answer:
    status = answer.status
    reason = f"{status}: {_ADVICE.get(status, 'Zapier did not take it')}"
    if status in _OK:
        return Delivered()
    if status == _TOO_LARGE:
        return Rejected(f"{status}: {size} bytes are too many")
    if status == _GONE:
        return Blocked(reason, _GONE_PROBE_S)
    if status in _DOUBTFUL:
        return Doubt(reason=reason, refusal=status < 500, after_s=answer.retry_after_s)  # noqa: PLR2004
    return Blocked(reason, answer.retry_after_s, limited=status == _TOO_MANY)


def _client(context: Context) -> Client:
    return Client(
        deadline_s=context.deadline_s,
        max_bytes=_MOST_ANSWER,
        allow_networks=context.allow_networks,
        connections=1,
    )


async def probe(url: str, context: Context) -> str:
    """Whether Zapier is there. The hook itself is not asked: every request would start the Zap."""
    async with _client(context) as client:
        try:
            return f"{await reach(client, url)}; the hook itself is not asked, that would start the Zap"
        except HttpError as error:
            raise DestinationFailed(str(error)) from error
