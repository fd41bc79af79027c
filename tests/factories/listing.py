"""A vendor's lists that change while they are read, and a reader that may die after any answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.sdk.source import Answer, Fetch, Page, PollFailed
from hub.sdk.times import iso, parse_ms

__all__ = ["CursorList", "OffsetList", "Reader"]


@dataclass
class CursorList:
    """`GET /audit/logs`: pages by opaque cursor (a place in the order), time filters, cursors that expire."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    cap: int = 3
    newest_first: bool = False
    expire_every: int = 0
    """Every n-th request with a cursor is answered 410."""
    shape: Callable[[list[Any], str | None], Any] = lambda page, following: {
        "data": page,
        "error": None,
        "next_cursor": following,
    }
    requests: list[dict[str, str]] = field(default_factory=list)
    with_cursor: int = 0

    async def call(self, method: str, path: str, *, params: dict[str, str]) -> Answer:
        assert (method, path) == ("GET", "/audit/logs")
        self.requests.append(params)
        if "cursor" in params:
            self.with_cursor += 1
            if self.expire_every and self.with_cursor % self.expire_every == 0:
                return Answer(status=410, headers={}, body=b'{"error":"cursor has expired"}')
        after = tuple(json.loads(params["cursor"])) if "cursor" in params else None
        found = self._narrowed(params)
        rest = [e for e in found if after is None or self._place(e) > after]
        page, more = rest[: self.cap], len(rest) > self.cap
        following = json.dumps(self._place(page[-1])) if more else None
        return Answer(status=200, headers={}, body=json.dumps(self.shape(page, following)).encode())

    def _place(self, entry: dict[str, Any]) -> tuple[int, str]:
        time = parse_ms(entry["timestamp"]) or 0
        return (-time if self.newest_first else time, entry["id"])

    def _narrowed(self, params: dict[str, str]) -> list[dict[str, Any]]:
        low, high = parse_ms(params.get("from")), parse_ms(params.get("to"))
        found = [
            e
            for e in self.entries
            if (low is None or (parse_ms(e["timestamp"]) or 0) >= low)
            and (high is None or (parse_ms(e["timestamp"]) or 0) <= high)
        ]
        return sorted(found, key=self._place)


@dataclass
class OffsetList:
    """`GET /mail/quarantine`: limit and offset over a list that grows and shrinks."""

    items: dict[str, int] = field(default_factory=dict)
    """Queue id -> arrival, epoch ms."""
    cap: int = 4
    newest_first: bool = True
    with_total: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)

    async def call(self, method: str, path: str, *, params: dict[str, str]) -> Answer:
        assert (method, path) == ("GET", "/mail/quarantine")
        self.requests.append(params)
        since = parse_ms(params.get("since"))
        found = [(t, q) for q, t in self.items.items() if since is None or t >= since]
        found.sort(reverse=self.newest_first)
        offset, limit = int(params["offset"]), min(int(params["limit"]), self.cap)
        page = [
            {"node_id": "n", "queue_id": q, "arrived_at": iso(t), "sender": "a@b.example"}
            for t, q in found[offset : offset + limit]
        ]
        body: dict[str, Any] = {"data": page, "error": None}
        if self.with_total:
            body["meta"] = {"total": len(found)}
        return Answer(status=200, headers={}, body=json.dumps(body).encode())


@dataclass
class Reader:
    """Fetches page by page. It keeps nothing but the cursor, so each step is a new life of the poller."""

    fetch: Fetch
    call: Any
    now_ms: int
    cursor: str | None = None
    seen: set[str] = field(default_factory=set)
    gaps: list[str] = field(default_factory=list)

    async def step(self) -> Page:
        """One request. A page read but not recorded is read again: every page is fetched twice."""
        await self._try()
        page = await self._try()
        self.cursor = json.loads(json.dumps(page.cursor))
        self.seen |= {str(item.payload.get("id") or item.payload.get("queue_id")) for item in page.items}
        self.gaps += [page.gap] if page.gap else []
        return page

    async def _try(self) -> Page:
        return await self.fetch(self.call, self.cursor, self.now_ms)

    async def walk(self, between: Callable[[], None] = lambda: None, *, limit: int = 500) -> int:
        """Walk to the end; returns the number of pages. An endless walk fails."""
        for pages in range(1, limit):
            try:
                page = await self.step()
            except PollFailed:
                continue
            between()
            if not page.more:
                return pages
        raise AssertionError(f"no end after {limit} pages")
