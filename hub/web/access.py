"""Who is asking: a principal with scopes. Listeners differ in how they find out."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from hub.web.errors import Forbidden, Unauthorized

__all__ = ["Authenticate", "Principal", "StaticToken", "Trusted", "authorize"]


@dataclass(frozen=True, slots=True)
class Principal:
    name: str
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """`admin` includes every scope."""
        return scope in self.scopes or "admin" in self.scopes


class Authenticate(Protocol):
    async def __call__(self, request: web.Request) -> Principal:
        """Raises `Unauthorized` saying what is missing."""
        ...


class Trusted:
    """For a listener that only its owner can reach (a 0600 unix socket): no key needed."""

    async def __call__(self, request: web.Request) -> Principal:  # noqa: ARG002 - the listener is the proof
        return Principal("local", frozenset({"admin"}))


class StaticToken:
    """One admin token from the configuration, as `Authorization: Bearer` or `X-API-Key`; constant time."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        """Asked at every request, so that a reload takes effect; empty = none is configured."""

    async def __call__(self, request: web.Request) -> Principal:
        expected = self._token().encode()
        if not expected:
            raise Unauthorized(
                "No admin token is configured, so the API answers on the local socket only. Set "
                "`admin_token` in mxhub.yaml and restart, then send it as "
                "`Authorization: Bearer <token>`."
            )
        given = _presented(request)
        if not given:
            raise Unauthorized(
                "Send the admin token as `Authorization: Bearer <token>` or `X-API-Key: <token>`."
            )
        if not hmac.compare_digest(given, expected):
            raise Unauthorized("The admin token is not the configured one.")
        return Principal("admin", frozenset({"admin"}))


def _presented(request: web.Request) -> bytes:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip().encode("utf-8", "surrogateescape")
    return request.headers.get("X-API-Key", "").strip().encode("utf-8", "surrogateescape")


def authorize(principal: Principal, scope: str) -> None:
    """Raises `Forbidden` naming the scope that is missing."""
    if not principal.allows(scope):
        raise Forbidden(f"The key of {principal.name} lacks the scope {scope!r}.")
