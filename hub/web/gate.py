"""Lets a request in by key, admin token or session, within its limits; tells the limits on every answer."""

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_network
from typing import Final, Protocol

from aiohttp import web

from hub.access.keyring import KeyRefused, Keyring
from hub.access.limiter import Budget, Limiter, LimiterDown
from hub.access.plans import Limits
from hub.access.sessions import COOKIE, NoSession, Sessions, is_csrf_token
from hub.sql.database import Unavailable
from hub.web.access import Principal, presented
from hub.web.client import client_address
from hub.web.errors import ApiError, CsrfFailed, RateLimited, ServiceUnavailable, Unauthorized
from hub.web.limits import BUDGET, everywhere, limit_headers, tell_limits

__all__ = ["BUDGET", "CSRF_HEADER", "Gate", "Holder", "everywhere", "limit_headers", "tell_limits"]

CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ADDRESSES: Final = "addresses"
"""The tenant, in the limiter, of who is not known."""
_PEERS_V6: Final = 64
"""Bits of an IPv6 address that are of one client: the rest is theirs to choose (RFC 6177)."""
_OUTCOME: Final = web.RequestKey("outcome of the gate", object)
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
        unknown: Limits | None = None,
    ) -> None:
        """`token` knows who holds tokens of the configuration; without `sessions` cookies count for nothing.

        A vendor's dialect says where it looks for the key (`given`), tells so who brings none (`hint`), and
        which limits its page promises. `unknown`: how often one address may ask without a key or session that
        holds; `None` = as often as it likes.
        """
        self._keyring = keyring
        self._sessions = sessions
        self._limiter = limiter
        self._token = token
        self._given = given
        self._limits = limits
        self._hint = hint
        self._unknown = unknown

    async def __call__(self, request: web.Request) -> Principal:
        """Raises `Unauthorized`, `CsrfFailed`, `RateLimited`, `ServiceUnavailable`."""
        outcome = await self._counted(request)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    async def admit(self, request: web.Request) -> None:
        """Count the request; raises the refusal of whom the limits leave no other answer.

        Who sends no key may go on to what is open to all, with the cookie of a session that has ended too:
        probes and sign-in must not depend on what others at that address do.
        """
        outcome = await self._counted(request)
        budget = request.get(BUDGET)
        if not isinstance(outcome, ApiError) or budget is None or budget.granted:
            return
        if self._given(request) or request.match_info.http_exception is not None:
            raise outcome

    async def _counted(self, request: web.Request) -> Principal | ApiError:
        """Who asks, or why they may not; a request counts once, however often it is asked about."""
        found = request.get(_OUTCOME)
        if isinstance(found, Principal | ApiError):
            return found
        try:
            outcome: Principal | ApiError = await self._enter(request)
        except Unauthorized as error:
            outcome = await self._strange(request) or error
        except ApiError as error:
            outcome = error
        request[_OUTCOME] = outcome
        return outcome

    async def _enter(self, request: web.Request) -> Principal:
        try:
            principal = await self._who(request)
            await self._spend(request, principal)
        except Unavailable as error:
            raise ServiceUnavailable("Keys and sessions cannot be looked up now.") from error
        self._check_csrf(request, principal)
        return principal

    async def _strange(self, request: web.Request) -> ApiError | None:
        """Counts a request of nobody known; what is refused anyway does not depend on its being counted."""
        if self._unknown is None:
            return None
        with suppress(LimiterDown):
            place = _place(client_address(request))
            budget = request[BUDGET] = await self._limiter.spend(place, self._unknown, tenant=_ADDRESSES)
            if not budget.granted:
                return _refusal(budget, "by this address without a key that is known")
        return None

    async def _who(self, request: web.Request) -> Principal:
        given = self._given(request)
        if given:
            return (self._token and self._token.holder(given)) or await self._key(given)
        cookie = request.cookies.get(COOKIE)
        if not cookie or self._sessions is None:
            raise Unauthorized(self._hint)
        return await self._session(self._sessions, cookie)

    async def _key(self, given: str) -> Principal:
        try:
            return await self._keyring.authenticate(given)
        except KeyRefused as error:
            raise Unauthorized(str(error)) from None

    async def _session(self, sessions: Sessions, cookie: str) -> Principal:
        try:
            return (await sessions.authenticate(cookie)).principal
        except NoSession as error:
            raise Unauthorized(str(error)) from None

    def _check_csrf(self, request: web.Request, principal: Principal) -> None:
        if principal.kind != "session" or request.method in _SAFE:
            return
        if not is_csrf_token(request.headers.get(CSRF_HEADER, ""), request.cookies[COOKIE]):
            raise CsrfFailed(f"Send the session's CSRF token as `{CSRF_HEADER}`.")

    async def _spend(self, request: web.Request, principal: Principal) -> None:
        limits = self._limits(principal)
        if limits is None:
            return
        try:
            budget = await self._limiter.spend(_caller(principal), limits, tenant=principal.tenant)
        except LimiterDown as error:
            raise ServiceUnavailable("Requests cannot be counted now.") from error
        request[BUDGET] = budget
        if not budget.granted:
            raise _refusal(budget, "in this session" if principal.kind == "session" else "by this key")


def _caller(principal: Principal) -> str:
    """A person is one, in however many sessions; so is a domain's administrator by login links of a key."""
    if principal.kind != "session" or principal.key_id is None:
        return principal.id
    return " ".join([principal.id, *sorted(domain for grant in principal.grants for domain in grant.domains)])


def _place(address: str) -> str:
    if ":" not in address:
        return address
    return str(ip_network(f"{address.partition('%')[0]}/{_PEERS_V6}", strict=False))


def _refusal(budget: Budget, whose: str) -> ApiError:
    tightest = budget.tightest
    window = tightest.window if tightest else None
    said = f"More than {window.limit} requests a {window.name}" if window else "Too many requests"
    if budget.is_tenants:
        return ServiceUnavailable(f"{said} by all keys together.", retry_after_s=budget.retry_after_s)
    return RateLimited(f"{said} {whose}.", retry_after_s=budget.retry_after_s)
