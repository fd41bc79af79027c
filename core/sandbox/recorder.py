"""Watches what clients send, and says where that is not what the vendor's page asks for."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from core.sandbox.faults import FOLLOWED
from core.sandbox.vendors import Vendor
from core.store.clock import iso_millis, wall_clock
from hub.access.secret_text import PREFIX_CHARS, STYLES
from hub.web.route import Route

__all__ = ["RULES", "Recorder", "Violation"]

RULES: Final[Mapping[str, str]] = {
    "auth_form": "the key comes in the header that the page names, once, and in no other place",
    "unknown_route": "only paths and methods of the page are asked",
    "unknown_parameter": "only parameters of the page are sent",
    "range": "a Range is one range of bytes, and only for files",
    "rate": "no more requests than the page's limit",
    "accept": "Accept, where it is sent, lets JSON, or what the route answers, through",
    "user_agent": "User-Agent says who asks",
    "content_type": "a body says what it is",
    "cookie": "a client with a key keeps no cookies",
    "redirect": "redirects are not followed: they would carry the key elsewhere",
    "retry_pace": "after 429 or 503 nothing is asked before Retry-After has passed, or a second",
}
_REFUSED: Final = (429, 503)
_NO_HINT_S: Final = 1.0
_SLACK_S: Final = 0.05
"""Clocks and event loops are no more exact than this."""
_MOST_CALLERS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """`key` is only the beginning of one; parameters are told by name alone."""

    at: str
    rule: str
    detail: str
    method: str
    path: str
    key: str

    def as_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(slots=True)
class _Caller:
    asked: deque[float] = field(default_factory=deque)
    not_before: float = 0.0
    why: str = ""


class Recorder:
    """`middleware()` stands around everything else. `tell` hears of each violation when it happens."""

    def __init__(
        self,
        vendor: Vendor,
        routes: Sequence[Route],
        tell: Callable[[Violation], None] = lambda _: None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requests = 0
        self.counted: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._vendor = vendor
        self._routes = {(str(route.method), route.path): route for route in routes}
        self._tell = tell
        self._monotonic = monotonic
        self._callers: dict[str, _Caller] = {}

    @property
    def summary(self) -> dict[str, Any]:
        """`{"requests", "statuses": {"200": n}, "violations": n, "by_rule": {rule: n}}`."""
        return {
            "requests": self.requests,
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "violations": self.counted.total(),
            "by_rule": dict(sorted(self.counted.items())),
        }

    def middleware(self) -> Middleware:
        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.requests += 1
            caller = self._before(request)
            response = await handler(request)
            self.statuses[response.status] += 1
            self._after(caller, response)
            return response

        return watch

    def _before(self, request: web.Request) -> _Caller:
        route = self._route(request)
        found = [*_headers_at_fault(request), *self._key_at_fault(request, route)]
        if route is not None:
            found += _asked_at_fault(request, route)
        elif request.path == FOLLOWED:
            found.append(("redirect", "asked where a redirect led"))
        else:
            found.append(("unknown_route", "the page has no such path, or not with this method"))
        caller = self._caller(request)
        found += self._pace_at_fault(caller)
        for rule, detail in found:
            self._note(request, rule, detail)
        return caller

    def _route(self, request: web.Request) -> Route | None:
        resource = request.match_info.route.resource
        path = "" if resource is None else resource.canonical
        return self._routes.get(("GET" if request.method == "HEAD" else request.method, path))

    def _key_at_fault(self, request: web.Request, route: Route | None) -> list[tuple[str, str]]:
        if route is None or route.scope is None:
            return []
        headers, prefix = request.headers, STYLES[self._vendor.style].prefix
        bearer, plain = headers.getall("Authorization", []), headers.getall("X-API-Key", [])
        given, other = (plain, bearer) if self._vendor.presented == "X-API-Key" else (bearer, plain)
        found = []
        if not given and not other and "Cookie" in headers:
            return []  # a session, as browsers have one
        if len(given) != 1 or other:
            found.append(f"send the key once, as {self._vendor.presented}")
        elif not _bare(given[0], self._vendor).startswith(prefix):
            found.append(f"a key begins with {prefix}")
        if any(value.startswith(prefix) for value in request.query.values()):
            found.append("a key stands in the address, where logs keep it")
        return [("auth_form", each) for each in found]

    def _caller(self, request: web.Request) -> _Caller:
        return self._caller_of(self._key(request))

    def _caller_of(self, key: str) -> _Caller:
        if len(self._callers) > _MOST_CALLERS:
            self._callers.clear()
        return self._callers.setdefault(key, _Caller())

    def _key(self, request: web.Request) -> str:
        name = "X-API-Key" if self._vendor.presented == "X-API-Key" else "Authorization"
        return _bare(request.headers.get(name, ""), self._vendor)

    def _pace_at_fault(self, caller: _Caller) -> list[tuple[str, str]]:
        now, found = self._monotonic(), []
        if now < caller.not_before - _SLACK_S:
            found.append(("retry_pace", f"{caller.not_before - now:.2f} s too early: {caller.why}"))
        caller.asked.append(now)
        longest_s = max((pace.within_s for pace in self._vendor.paces), default=0.0)
        while caller.asked and caller.asked[0] < now - longest_s:
            caller.asked.popleft()
        for pace in self._vendor.paces:
            asked = sum(at > now - pace.within_s for at in caller.asked)
            if asked > pace.requests:
                found.append(
                    ("rate", f"{asked} requests within {pace.within_s:g} s, the page allows {pace.requests}")
                )
        return found

    def _after(self, caller: _Caller, response: web.StreamResponse) -> None:
        if response.status not in _REFUSED:
            return
        given = response.headers.get("Retry-After", "")
        wait_s = float(given) if given.isascii() and given.isdigit() else _NO_HINT_S
        caller.not_before = self._monotonic() + wait_s
        caller.why = f"{response.status} said Retry-After: {given}" if given else f"{response.status} came"

    def _note(self, request: web.Request, rule: str, detail: str) -> None:
        self.counted[rule] += 1
        self._tell(
            Violation(
                at=iso_millis(wall_clock()),
                rule=rule,
                detail=detail,
                method=request.method,
                path=request.path[:200],
                key=self._key(request)[:PREFIX_CHARS],
            )
        )


def _bare(header: str, vendor: Vendor) -> str:
    if vendor.presented == "X-API-Key":
        return header
    scheme, _, text = header.partition(" ")
    return text if scheme == "Bearer" else ""


def _headers_at_fault(request: web.Request) -> list[tuple[str, str]]:
    headers, found = request.headers, []
    if not headers.get("User-Agent"):
        found.append(("user_agent", "it is missing"))
    if "Cookie" in headers and ("Authorization" in headers or "X-API-Key" in headers):
        found.append(("cookie", "a cookie came with a key"))
    if request.can_read_body and not headers.get("Content-Type"):
        found.append(("content_type", "a body without Content-Type"))
    return found


def _asked_at_fault(request: web.Request, route: Route) -> list[tuple[str, str]]:
    found = []
    unknown = sorted(set(request.query) - _known(route))
    if unknown:
        found.append(("unknown_parameter", ", ".join(name[:40] for name in unknown[:10])))
    kinds = route.media_types or ("application/json",)
    accept = request.headers.get("Accept", "*/*").lower()
    if not any(each in accept for each in ("*/*", *(_family(kind) for kind in kinds), *kinds)):
        found.append(("accept", f"{accept[:80]} leaves out {kinds[0]}"))
    if "Range" in request.headers and not (route.media_types and _is_range(request.headers["Range"])):
        found.append(("range", "not one range of bytes" if route.media_types else "this is no file"))
    return found


def _known(route: Route) -> set[str]:
    fields = route.query.model_fields if route.query is not None else {}
    return {info.alias or name for name, info in fields.items()}


def _family(kind: str) -> str:
    return kind.partition("/")[0] + "/*"


def _is_range(text: str) -> bool:
    unit, _, span = text.partition("=")
    first, dash, last = span.partition("-")
    digits = (first + last).isascii() and (first + last).isdigit()
    return unit == "bytes" and bool(dash) and digits and "," not in span
