"""Post a batch, message by message, and say what became of each event."""

from collections.abc import Sequence

from connectors.slack.message import Messages
from connectors.slack.options import SlackOptions
from connectors.slack.post import open_http, read_answer, request_of
from connectors.slack.trouble import judge
from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.model.outcome import Outcome, Rejected
from hub.sdk.blame import Answer, Blame
from hub.sdk.connector import Context
from hub.sdk.each import post, send_each
from hub.sdk.http import Response
from hub.sdk.lifetime import Closing
from hub.sdk.render.templates import RenderFailed

__all__ = ["SlackConnector"]


class SlackConnector(Closing):
    """Posts in order, one at a time: what is posted cannot be taken back, and order is all a channel has."""

    def __init__(self, options: SlackOptions, context: Context) -> None:
        self._options = options
        self._http = open_http(context)
        self._messages = Messages(options.overrides, options.details_url)
        self._limit_s = context.give_up_s
        self._blame = Blame()

    async def close(self) -> None:
        await self._http.close()

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """One outcome an event. What shows that Slack itself is in trouble ends the batch."""
        return self._blame.judge(batch, await send_each(batch, self._one, within_s=self._limit_s))

    async def _one(self, entry: Entry, left_s: float) -> Answer:
        try:
            message = self._messages.of(entry)
        except RenderFailed as error:
            return Rejected(str(error))
        request = request_of(self._options, message, uid_text(entry.uid))
        answer = await post(
            self._http, request.url, headers=request.headers, body=request.body, left_s=left_s
        )
        if not isinstance(answer, Response):
            return answer
        return judge(read_answer(answer, webhook=self._options.webhook_url is not None))
