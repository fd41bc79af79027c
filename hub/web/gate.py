"""Lets a request in by key, admin token or session, within its limits; tells the limits on every answer."""

from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import web

from hub.access.keyring import KeyRefused, Keyring
from hub.access.limiter import Budget, Limiter, LimiterDown
from hub.access.plans import Limits
from hub.access.sessions import COOKIE, NoSession, Sessions, is_csrf_token
from hub.sql.database import Unavailable
from hub.web.access import Principal, presented
from hub.web.errors import CsrfFailed, RateLimited, ServiceUnavailable, Unauthorized
from hub.web.limits import BUDGET, limit_headers, tell_limits

__all__ = ["BUDGET", "CSRF_HEADER", "Gate", "Holder", "limit_headers", "tell_limits"]

CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HINT: Final = "Send a key as `Authorization: Bearer <key>` or `X-API-Key: <key>`."


class Holder(Protocol):
    """Tokens that are no keys: `hub.web.access.StaticToken`."""

    def holder(self, given: str, /) -> Principal | None: ...


class Gate:
    """An `Authenticate` for `mount`.

    A key is taken from `Authorization: Bearer` or `X-API-Key` and goes before a cookie. A cookie's unsafe
    requests must carry its CSRF token: another site can make a browser send the one, but not know the other.
    """

    def __init__(
        self,
        keyring: Keyring,
        sessions: Sessions | None,
        limiter: Limiter,
        *,
        token: Holder | None = None,
        given: Callable[[web.Request], str] = presented,
        limits: Callable[[Principal], Limits | None] = lambda principal: principal.limits,
        hint: str = _HINT,
    ) -> None:
        """`token` knows who holds tokens of the configuration; without `sessions` cookies count for nothing.

        A vendor's dialect says where it looks for the key (`given`), tells so who brings none (`hint`), and
        which limits its page promises.
        """
        self._keyring = keyring
        self._sessions = sessions
        self._limiter = limiter
        self._token = token
        self._given = given
        self._limits = limits
        self._hint = hint

    async def __call__(self, request: web.Request) -> Principal:
        """Raises `Unauthorized`, `CsrfFailed`, `RateLimited`, `ServiceUnavailable`."""
        try:
            principal = await self._who(request)
            await self._spend(request, principal)
        except Unavailable as error:
            raise ServiceUnavailable("Keys and sessions cannot be looked up now.") from error
        return principal

    async def _who(self, request: web.Request) -> Principal:
        given = self._given(request)
        if given:
            return (self._token and self._token.holder(given)) or await self._key(given)
        cookie = request.cookies.get(COOKIE)
        if not cookie or self._sessions is None:
            raise Unauthorized(self._hint)
        return await self._session(self._sessions, request, cookie)

    async def _key(self, given: str) -> Principal:
        try:
            return await self._keyring.authenticate(given)
        except KeyRefused as error:
            raise Unauthorized(str(error)) from None

    async def _session(self, sessions: Sessions, request: web.Request, cookie: str) -> Principal:
        try:
            session = await sessions.authenticate(cookie)
        except NoSession as error:
            raise Unauthorized(str(error)) from None
        if request.method not in _SAFE and not is_csrf_token(request.headers.get(CSRF_HEADER, ""), cookie):
            raise CsrfFailed(f"Send the session's CSRF token as `{CSRF_HEADER}`.")
        return session.principal

    async def _spend(self, request: web.Request, principal: Principal) -> None:
        limits = self._limits(principal)
        if limits is None:
            return
        try:
            budget = await self._limiter.spend(principal.id, limits, tenant=principal.tenant)
        except LimiterDown as error:
            raise ServiceUnavailable("Requests cannot be counted now.") from error
        request[BUDGET] = budget
        if not budget.granted:
            _refuse(budget)


def _refuse(budget: Budget) -> None:
    tightest = budget.tightest
    window = tightest.window if tightest else None
    said = f"More than {window.limit} requests a {window.name}" if window else "Too many requests"
    if budget.is_tenants:
        raise ServiceUnavailable(f"{said} by all keys together.", retry_after_s=budget.retry_after_s)
    raise RateLimited(f"{said} by this key.", retry_after_s=budget.retry_after_s)
