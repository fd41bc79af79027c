"""Troubles on demand: what a client of the API must survive, switched on by tests.

Everything happens outside the dialect, in one middleware; each fault that fired is counted in `fired`.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from core.dialects.mailguard.envelope import refusal

__all__ = ["Faults"]

_AUDIT = "/api/v1/audit/logs"


@dataclass(slots=True, kw_only=True)
class Faults:
    """Counters say for how many of the next API requests a fault holds; flags hold until taken back."""

    refuse: int = 0
    refuse_status: int = 503
    refuse_retry_after: str | None = "1"
    expire_cursors: int = 0
    """Answer 410 to requests that carry a cursor."""
    drop: int = 0
    """Cut the connection in the middle of the answer."""
    duplicate_audit: bool = False
    """A page of the audit log begins with entries of the page before it."""
    reorder_audit: bool = False
    """Entries of a page come shuffled."""
    hidden: set[str] = field(default_factory=set)
    """Ids of audit entries that are not shown yet; taken out again they appear late, with their old times."""
    seed: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    _last_page: list[object] = field(default_factory=list)
    _rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._rng.seed(self.seed)

    def refuse_next(self, count: int, *, status: int = 503, retry_after: str | None = "1") -> None:
        """Answer the next requests with 429 or 503."""
        self.refuse, self.refuse_status, self.refuse_retry_after = count, status, retry_after

    def hide(self, ids: Iterable[str]) -> None:
        """Keep audit entries back until `reveal`."""
        self.hidden.update(ids)

    def reveal(self) -> None:
        """Show what was kept back: late, at its old place in the order."""
        self.hidden.clear()

    def clear(self) -> None:
        """No more faults."""
        self.refuse = self.expire_cursors = self.drop = 0
        self.duplicate_audit = self.reorder_audit = False
        self.hidden.clear()

    def middleware(self) -> Middleware:
        """For the outer side of the dialect's application."""

        @web.middleware
        async def interfere(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith("/api/"):
                return await handler(request)
            refused = self._refusal(request)
            if refused is not None:
                return refused
            response = await handler(request)
            if isinstance(response, web.Response) and request.path == _AUDIT and response.status == 200:  # noqa: PLR2004 -- OK
                self._disturb(response)
            if isinstance(response, web.Response) and self._spend("drop"):
                return await _cut(request, response)
            return response

        return interfere

    def _spend(self, name: str) -> bool:
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
            self.fired[name] += 1
        return left > 0

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._spend("refuse"):
            headers = {"Retry-After": self.refuse_retry_after} if self.refuse_retry_after else {}
            return refusal(self.refuse_status, "the sandbox was told to refuse", headers)
        if "cursor" in request.query and self._spend("expire_cursors"):
            return refusal(410, "cursor has expired: start again with from=")
        return None

    def _disturb(self, response: web.Response) -> None:
        if not (self.hidden or self.duplicate_audit or self.reorder_audit):
            return
        page = orjson.loads(response.body if isinstance(response.body, bytes) else b"null")
        entries = [entry for entry in page["data"] if entry["id"] not in self.hidden]
        self.fired["hidden"] += len(page["data"]) - len(entries)
        if self.duplicate_audit:
            again, self._last_page = self._last_page[-3:], list(entries)
            self.fired["duplicate_audit"] += len(again)
            entries = [*again, *entries]
        if self.reorder_audit and len(entries) > 1:
            self.fired["reorder_audit"] += 1
            self._rng.shuffle(entries)
        page["data"] = entries
        response.body = orjson.dumps(page)


async def _cut(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Promise the whole length, send half, reset the connection."""
    body = response.body if isinstance(response.body, bytes) else b""
    partial = web.StreamResponse(status=response.status, headers={"Content-Type": response.content_type})
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return partial
