"""Who is asking, and whether they may. Listeners differ in how they find out."""

import hmac
from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import web

from hub.access.principal import Decision, Principal
from hub.web.errors import Forbidden, NotFound, Unauthorized

__all__ = [
    "PRINCIPAL",
    "Authenticate",
    "Principal",
    "StaticToken",
    "Trusted",
    "authorize",
    "presented",
]

PRINCIPAL: Final = web.RequestKey("principal", Principal)
"""The caller of a request that has been let in."""


class Authenticate(Protocol):
    async def __call__(self, request: web.Request) -> Principal:
        """Raises `Unauthorized` saying what is missing."""
        ...


class Trusted:
    """For a listener that only its owner can reach (a 0600 unix socket): no key needed."""

    async def __call__(self, request: web.Request) -> Principal:  # noqa: ARG002 - the listener is the proof
        return Principal.operator("local", "local")


class StaticToken:
    """One admin token from the configuration, as `Authorization: Bearer` or `X-API-Key`; constant time."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        """Asked at every request, so that a reload takes effect; empty = none is configured."""

    async def __call__(self, request: web.Request) -> Principal:
        if not self._token():
            raise Unauthorized(
                "No admin token is configured, so the API answers on the local socket only. Set "
                "`admin_token` in mxhub.yaml and restart, then send it as "
                "`Authorization: Bearer <token>`."
            )
        given = presented(request)
        if not given:
            raise Unauthorized(
                "Send the admin token as `Authorization: Bearer <token>` or `X-API-Key: <token>`."
            )
        principal = self.holder(given)
        if principal is None:
            raise Unauthorized("The admin token is not the configured one.")
        return principal

    def holder(self, given: str) -> Principal | None:
        """Who holds this token; `None` when it is not the configured one, or none is configured."""
        expected = self._token().encode()
        raw = given.encode("utf-8", "surrogateescape")
        fits = hmac.compare_digest(raw, expected) and bool(expected)
        return Principal.operator("token", "admin") if fits else None


def presented(request: web.Request) -> str:
    """The key or token that a request carries; empty when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("X-API-Key", "").strip()


def authorize(
    principal: Principal, scope: str, domain: str | None = None, *, held_by: str | None = None
) -> None:
    """Raises `Forbidden` naming the scope that is missing, or `NotFound` for a domain that is hidden."""
    decision = principal.may(scope, domain, held_by=held_by)
    if decision is Decision.FORBIDDEN:
        where = f" on {domain[:253]}" if domain is not None else ""
        raise Forbidden(f"The key of {principal.name} lacks the scope {scope!r}{where}.")
    if decision is Decision.HIDDEN:
        raise NotFound(f"There is no domain {domain}.")
