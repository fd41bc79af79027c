"""Keys as MailGuard has them: `X-API-Key`, one of four scopes, a bucket with bursts of ten times its rate."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Literal, get_args

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.api.services import CORE
from core.audit.entry import Actor, Change, Resource
from core.service.core import Core
from core.store.database import Unavailable
from core.store.tenancy import OPERATOR
from hub.access.keyring import KeyRefused
from hub.access.principal import ALL, Grant
from hub.access.secret_text import PREFIX_CHARS
from hub.web.client import client_address

__all__ = ["BURST", "SCOPES", "Scope", "Shown", "allows_keys", "grant_of", "key_of", "refusals", "scope_of"]

Scope = Literal["read-only", "quarantine-only", "domain-admin", "full-admin"]
Shown = Literal["read-only", "quarantine-only", "domain-admin", "full-admin", "custom"]
"""`custom`: a key of the service's own API whose grants are none of the four."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
BURST: Final = 10
"""Bursts go up to ten times the sustained rate (REST API page, "Rate limit")."""
_READ_ONLY: Final = ("read-only", "keys:read")
"""All GET endpoints, that of the keys too."""
_REPORT_MS: Final = 10_000
_MAX_REPORTED: Final = 1000
_UNKNOWN: Final = "api_key.rejected"
_ACTIONS: Final = {401: _UNKNOWN, 403: "api_key.forbidden", 429: "api_key.rate_limited"}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def key_of(request: web.Request) -> str:
    """The key of a request; nothing where there is none."""
    return request.headers.get("X-API-Key", "").strip()


def grant_of(scope: Scope, domain: str | None) -> Grant:
    """What a scope permits. Raises `ValueError` for what is no domain."""
    names = _READ_ONLY if scope == "read-only" else (scope,)
    return Grant.of(names, [domain or ALL])


def allows_keys(scope: Scope) -> bool:
    """Whether a key of the scope may look at keys; what it may do with them, its grants say."""
    return scope in ("read-only", "full-admin")


def scope_of(grants: Sequence[Grant]) -> tuple[Shown, str | None]:
    """The scope that a key's grants are, and the one domain that they hold on, if any."""
    if len(grants) != 1:
        return "custom", None
    names, domains = grants[0].names, sorted(grants[0].domains - {ALL})
    scope = next((one for one in SCOPES if names in ((one,), grant_of(one, None).names)), None)
    if scope is None or len(domains) > 1:
        return "custom", None
    return scope, domains[0] if domains else None


def refusals() -> Middleware:
    """Puts refused keys on record, one of a kind per origin in ten seconds: a flood must not fill the log."""
    told: dict[str, int] = {}

    def is_new(mark: str, now_ms: int) -> bool:
        if now_ms - told.get(mark, -_REPORT_MS) < _REPORT_MS:
            return False
        if len(told) >= _MAX_REPORTED:
            told.clear()
        told[mark] = now_ms
        return True

    @web.middleware
    async def watch(request: web.Request, handler: _Handler) -> web.StreamResponse:
        response = await handler(request)
        given, action = key_of(request), _ACTIONS.get(response.status)
        if given and action is not None:
            core, place = request.app[CORE], client_address(request)
            named = "" if action == _UNKNOWN else given[:PREFIX_CHARS]
            mark = f"{action} {place} {named}"
            if is_new(mark, core.clock()):
                with suppress(Unavailable):  # the caller is answered, whether or not it can be kept
                    await _report(core, given, action, request.path, place)
        return response

    return watch


async def _report(core: Core, given: str, action: str, path: str, ip: str) -> None:
    """A key that is not known is not named: it may be the secret of something else."""
    try:
        who = await core.access.keyring.authenticate(given)
        tenant, name, prefix = who.tenant, who.name, who.key_prefix
    except KeyRefused:
        tenant, name, prefix = OPERATOR, "unknown", ""
    change = Change(
        actor=Actor(type="api_key", id=name, key_prefix=prefix, ip=ip),
        action=action,
        resource=Resource(type="api_key", id=prefix),
        result="failure",
        details={"path": path[:200]},
    )
    async with core.database.begin() as tx:
        await core.chain.append(tx, tenant, change)
