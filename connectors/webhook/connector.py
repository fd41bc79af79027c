"""One POST an event: several at once, those of one source in their order."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final

from connectors.webhook.answers import meant
from connectors.webhook.body import standard_body
from connectors.webhook.options import WebhookOptions
from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.model.outcome import Outcome
from hub.sdk.blame import Answer, Blame
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.each import by_source, in_one_row, post, send_each
from hub.sdk.http import Client, HttpError, Response, Tls, reach
from hub.sdk.lifetime import Closing
from hub.sdk.sign import sign
from hub.sdk.verify import STANDARD_WEBHOOKS

__all__ = ["WebhookConnector", "probe"]

_MOST_ANSWER = 64 * 1024


def _by_itself(entry: Entry) -> Hashable:
    return entry.seq


_ORDERS: Final[Mapping[str, Callable[[Entry], Hashable]]] = {
    "source": by_source,
    "all": in_one_row,
    "none": _by_itself,
}


class WebhookConnector(Closing):
    """Posts each event under its own id."""

    def __init__(self, options: WebhookOptions, context: Context) -> None:
        self._url = options.url.get_secret_value()
        self._keys = options.keys
        self._wrapped = options.format == "standard"
        self._parallel = options.parallel
        self._together = _ORDERS[options.order]
        self._headers = {
            **{name: value.get_secret_value() for name, value in options.headers.items()},
            "content-type": "application/json",
        }
        self._client = _client(options, context)
        self._limit_s = context.give_up_s
        self._blame = Blame()

    async def close(self) -> None:
        await self._client.close()

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """One outcome an event, in the batch's order."""
        answers = await send_each(
            batch, self._post, within_s=self._limit_s, parallel=self._parallel, together=self._together
        )
        return self._blame.judge(batch, answers)

    async def _post(self, entry: Entry, left_s: float) -> Answer:
        body = standard_body(entry) if self._wrapped else entry.body
        answer = await post(
            self._client, self._url, headers=self._signed(entry, body), body=body, left_s=left_s
        )
        return meant(answer, len(body)) if isinstance(answer, Response) else answer

    def _signed(self, entry: Entry, body: bytes) -> dict[str, str]:
        """The id is the event's, so that a repeat is known; the time is this attempt's."""
        stamp, delivery_id = int(time.time()), uid_text(entry.uid)
        if not self._keys:
            proof = {"webhook-id": delivery_id, "webhook-timestamp": str(stamp)}
        else:
            proof = sign(
                STANDARD_WEBHOOKS, *self._keys, body=body, delivery_id=delivery_id, timestamp_s=stamp
            )
        return {**self._headers, **proof}


def _client(options: WebhookOptions, context: Context) -> Client:
    tls = Tls(
        ca=options.ca, cert=options.client_cert, key=options.client_key, fingerprint=options.fingerprint
    )
    return Client(
        deadline_s=context.deadline_s,
        max_bytes=_MOST_ANSWER,
        allow_networks=context.allow_networks,
        tls=tls,
        connections=options.parallel,
    )


async def probe(options: WebhookOptions, context: Context) -> str:
    """Whether the server is there. The address itself is not asked: it would get an event that is none."""
    async with _client(options, context) as client:
        try:
            return f"{await reach(client, options.url.get_secret_value())}; the address itself is not asked"
        except HttpError as error:
            raise DestinationFailed(str(error)) from error
