"""The outbox: oldest first, without end. A page's `next_cursor` is where the next one begins, always."""

import msgspec

from hub.sdk.jsontext import decode
from hub.sdk.pages import CursorRefused, fetch_page
from hub.sdk.source import Answer, Call, Page, PollFailed
from hub.sources.core.body import item_of

__all__ = ["fetch"]

_LIMIT = 500
_PATH = "/api/v1/outbox"


class _Paging(msgspec.Struct):
    next_cursor: str
    has_more: bool


async def fetch(call: Call, cursor: str | None, now_ms: int) -> Page:
    """One page. A cursor that the core no longer knows is a gap, and the feed begins again."""
    del now_ms
    answers: list[Answer] = []

    async def noted(*args: str, **options: object) -> Answer:
        answers.append(await call(*args, **options))
        return answers[-1]

    params = {"limit": str(_LIMIT)} | ({"cursor": cursor} if cursor else {})
    try:
        listing = await fetch_page(noted, _PATH, params, cursor=cursor or None)
    except CursorRefused as refusal:
        gap = f"the outbox no longer knows the place ({refusal}); events behind it may be missing"
        return Page(items=(), cursor="", more=True, gap=gap)
    paging = _paging(answers[-1].body)
    items = [item_of(payload, raw) for payload, raw in listing.items]
    more = paging.has_more and paging.next_cursor != cursor
    return Page(items=items, cursor=paging.next_cursor, more=more)


def _paging(body: bytes) -> _Paging:
    try:
        return msgspec.convert(decode(body)["meta"]["pagination"], _Paging)
    except (KeyError, TypeError, ValueError) as error:
        raise PollFailed(f"GET {_PATH}: no meta.pagination with next_cursor and has_more") from error
