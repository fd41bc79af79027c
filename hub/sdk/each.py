"""One exchange an event: several at once, in order where order is promised, over at the first sign that the
destination is down.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace

from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered
from hub.sdk.blame import Answer, Doubt
from hub.sdk.http import Broken, Client, DeadlineExceeded, HttpError, Response

__all__ = ["by_source", "in_one_row", "post", "send_each"]

Post = Callable[[Entry, float], Awaitable[Answer]]
"""`(event, seconds that are left) -> what became of it`. Raises nothing but cancellation."""


def by_source(entry: Entry) -> Hashable:
    """Events of one source follow each other; what the contract promises."""
    return entry.header.source


def in_one_row(entry: Entry) -> Hashable:
    """All events follow each other."""
    del entry
    return None


async def post(
    client: Client, url: str, *, headers: Mapping[str, str], body: bytes, left_s: float
) -> Response | Blocked | Doubt:
    """One request, and another at once when the connection broke: it may have been an old one that the server
    was just closing. No answer in time, or again none, may be this event's fault.
    """
    until = time.monotonic() + left_s
    for repeats in (True, False):
        try:
            deadline_s = max(until - time.monotonic(), 0.001)
            return await client.request("POST", url, headers=headers, body=body, deadline_s=deadline_s)
        except Broken as error:
            if not repeats:
                return Doubt(reason=str(error), stops=True)
        except DeadlineExceeded as error:
            return Doubt(reason=str(error), stops=True)
        except HttpError as error:
            return Blocked(str(error))
    raise AssertionError("the second attempt returns")


async def send_each(
    batch: Sequence[Entry],
    post: Post,
    *,
    within_s: float,
    parallel: int = 1,
    together: Callable[[Entry], Hashable] = in_one_row,
) -> list[Answer]:
    """One answer an event, in the batch's order.

    Events of which `together` says the same go one after the other; different ones up to `parallel` at once,
    and the last one after all others: that it got through tells whose fault the refusals before it were.
    After a `Blocked`, or a `Doubt` that stops, or when the time is up, nothing more is sent.
    """
    row = _Row(batch, post, time.monotonic() + within_s, within_s)
    chains: dict[Hashable, list[int]] = {}
    for at, entry in enumerate(batch):
        chains.setdefault(together(entry), []).append(at)
    waiting = deque(chains.values())
    if min(parallel, len(waiting)) <= 1:
        await row.work(waiting)
    else:
        last = chains[together(batch[-1])].pop()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(parallel, len(waiting))):
                tasks.create_task(row.work(waiting))
        await row.work(deque([[last]]))
    return row.all_answers()


class _Row:
    """The state that the workers of one `send_each` share."""

    def __init__(self, batch: Sequence[Entry], post: Post, until: float, within_s: float) -> None:
        self._batch = batch
        self._post = post
        self._until = until
        self._within_s = within_s
        self._answers: list[Answer | None] = [None] * len(batch)
        self._moment = 0
        self._sent = [0] * len(batch)
        self._answered = [0] * len(batch)
        self._end: Blocked | None = None

    async def work(self, waiting: "deque[list[int]]") -> None:
        while waiting:
            for at in waiting.popleft():
                if self._end is None:
                    await self._one(at)

    async def _one(self, at: int) -> None:
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            self._end = Blocked(self._too_slow())
            return
        self._sent[at] = self._next_moment()
        answer = await self._post(self._batch[at], left_s)
        self._answered[at] = self._next_moment()
        self._answers[at] = answer
        if isinstance(answer, Blocked):
            self._end = self._end or answer
        elif isinstance(answer, Doubt) and answer.stops:
            self._end = self._end or Blocked(answer.reason, answer.after_s)

    def _next_moment(self) -> int:
        self._moment += 1
        return self._moment

    def _too_slow(self) -> str:
        done = sum(answer is not None for answer in self._answers)
        return (
            f"{done} of {len(self._batch)} events were answered within {self._within_s:g} s:"
            " set batch_events lower, or deadline_s higher"
        )

    def all_answers(self) -> list[Answer]:
        """What was not sent shares the block; a doubt learns whether anything got through after it."""
        end = self._end or Blocked("not sent")
        last = max(
            (self._sent[at] for at, a in enumerate(self._answers) if isinstance(a, Delivered)), default=0
        )
        told = [end if answer is None else answer for answer in self._answers]
        return [
            replace(answer, overtaken=last > self._answered[at]) if isinstance(answer, Doubt) else answer
            for at, answer in enumerate(told)
        ]
