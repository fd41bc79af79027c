"""Troubles on demand: what a client of an API must survive, switched on from outside while it runs.

Everything happens around the dialect, in one middleware; each fault that fired is counted in `fired`.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel, ConfigDict, Field

from core.sandbox.pages import entries_of, shrunk
from hub.web.errors import ApiError, CursorExpired, RateLimited, ServiceUnavailable
from hub.web.form import Form

__all__ = ["FOLLOWED", "Amount", "FaultSettings", "Faults"]

Amount = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^(always|(100|[1-9]?\d)%)$")]
FOLLOWED: Final = "/followed-a-redirect"
"""Where redirects lead: who asks there follows them."""
_CURSORS = ("cursor", "page_token", "after")
_OK = range(200, 300)


class FaultSettings(BaseModel):
    """How much of what: a number of requests (the next ones), a share (`10%`), or `always`; 0 is none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    refuse: Amount = Field(0, description="answer 429 or 503 instead")
    refuse_status: Literal[429, 503] = Field(503, description="which of them")
    retry_after: str | None = Field(
        "1", description="Retry-After of a refusal; null leaves it out", max_length=40
    )
    expire_cursors: Amount = Field(0, description="410 where a cursor is given")
    drop: Amount = Field(0, description="cut the connection before any answer")
    cut: Amount = Field(0, description="cut the connection in the middle of an answer")
    slow: Amount = Field(0, description="answer late")
    slow_s: float = Field(5.0, description="seconds that a slow answer takes", ge=0, le=600)
    truncate: Amount = Field(0, description="an answer that is whole as HTTP, and half as JSON")
    redirect: Amount = Field(0, description="302 to a place of the sandbox's own")
    shrink: Amount = Field(0, description="a file that is read by ranges has only half its bytes")
    duplicate: Amount = Field(0, description="a page repeats the end of the last one")
    reorder: Amount = Field(0, description="entries of a page come shuffled")
    late: Amount = Field(0, description="entries stay hidden for a while: a share of them")
    late_s: float = Field(30.0, description="for so many seconds", ge=0, le=86_400)


@dataclass(slots=True, kw_only=True)
class Faults:
    """The settings, and what fired."""

    settings: FaultSettings = field(default_factory=FaultSettings)
    seed: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    monotonic: Callable[[], float] = time.monotonic
    _late: dict[str, float] = field(default_factory=dict)
    _last_page: dict[str, list[Any]] = field(default_factory=dict)
    _rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._rng.seed(self.seed)

    def set(self, values: Mapping[str, Any]) -> None:
        """Change some settings, by name. Raises pydantic's `ValidationError`; then nothing has changed."""
        self.settings = FaultSettings.model_validate({**self.settings.model_dump(), **values})

    def clear(self) -> None:
        """No more faults."""
        self.settings = FaultSettings()
        self._late.clear()

    def middleware(self, form: Form) -> Middleware:
        """For the outer side of a dialect's application; refusals have its `form`."""

        @web.middleware
        async def interfere(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self._spend("slow"):
                await asyncio.sleep(self.settings.slow_s)
            if self._spend("drop"):
                return _cut_off(request)
            refused = self._refusal(request, form)
            return refused if refused is not None else await self._spoilt(request, await handler(request))

        return interfere

    def _spend(self, name: str) -> bool:
        """Whether a fault holds for this request; one that holds for a number of them is used up by it."""
        wanted: int | str = getattr(self.settings, name)
        if isinstance(wanted, int):
            fires = wanted > 0
            if fires:
                setattr(self.settings, name, wanted - 1)
        else:
            fires = wanted == "always" or self._rng.random() * 100 < int(wanted.removesuffix("%"))
        self.fired[name] += fires
        return fires

    def _refusal(self, request: web.Request, form: Form) -> web.StreamResponse | None:
        if self._spend("redirect"):
            return web.Response(status=302, headers={"Location": FOLLOWED})
        if self._spend("refuse"):
            kind = RateLimited if self.settings.refuse_status == RateLimited.status else ServiceUnavailable
            answer = _said(form, kind("The sandbox was told to refuse.", retry_after_s=1))
            answer.headers.pop("Retry-After", None)
            if self.settings.retry_after is not None:
                answer.headers["Retry-After"] = self.settings.retry_after
            return answer
        if any(name in request.query for name in _CURSORS) and self._spend("expire_cursors"):
            return _said(form, CursorExpired("The cursor has expired: start again from a time."))
        return None

    async def _spoilt(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """An answer of the dialect, as its caller gets it."""
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        if "Content-Range" in response.headers and self._spend("shrink"):
            return shrunk(response)
        if response.status in _OK and response.content_type.endswith("json"):
            self._disturb(request, response)
            if self._spend("truncate"):
                response.body = response.body[: len(response.body) // 2]
        return await _cut(request, response) if self._spend("cut") else response

    def _disturb(self, request: web.Request, response: web.Response) -> None:
        wanted = self.settings
        if not (self._late or wanted.late or wanted.duplicate or wanted.reorder):
            return
        page = entries_of(response)
        if page is None:
            return
        shown = [entry for entry in page.entries if not self._is_kept_back(page.name(entry))]
        self.fired["hidden"] += len(page.entries) - len(shown)
        page.put(self._mixed(request.path, shown))

    def _mixed(self, path: str, entries: list[Any]) -> list[Any]:
        last, self._last_page[path] = self._last_page.get(path, []), list(entries)
        if last and self._spend("duplicate"):
            entries = [*last[-3:], *entries]
        if len(entries) > 1 and self._spend("reorder"):
            self._rng.shuffle(entries)
        return entries

    def _is_kept_back(self, name: str) -> bool:
        if name not in self._late:
            self._late[name] = self.monotonic() + self.settings.late_s if self._chosen() else 0.0
        return self._late[name] > self.monotonic()

    def _chosen(self) -> bool:
        return bool(self.settings.late) and self._spend("late")


def _said(form: Form, error: ApiError) -> web.Response:
    return form.failure(error, "req_sandbox")


def _cut_off(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


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
