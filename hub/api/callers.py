"""Who may ask the hub what: whoever runs it everything, a tenant's people and keys their own events.

Where a core runs beside the hub, what is not there for a caller in the core is not there in the hub either:
events of domains that are tied to somebody else's key, whichever source brought them.
"""

from typing import Any, TypeVar

from aiohttp import web

from hub.access.principal import OPERATOR
from hub.api.filters import EventFilter
from hub.api.services import Services, services_of
from hub.archive.query import Query
from hub.web.access import Authenticate, Principal, StaticToken
from hub.web.errors import Forbidden, NotFound
from hub.web.route import Call

__all__ = ["EVENTS", "Callers", "OperatorsOnly", "hidden_domains", "own_events", "own_query", "own_tenant"]

F = TypeVar("F", bound=EventFilter)

EVENTS = "events:read"


class Callers:
    """An `Authenticate`: keys and sessions where the services have them, the admin token in any case."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._token = StaticToken(self._admin)

    async def __call__(self, request: web.Request) -> Principal:
        gate: Authenticate = self._services.gate or self._token
        return await gate(request)

    def _admin(self) -> str:
        secret = self._services.settings.admin_token
        return secret.get_secret_value() if secret else ""


class OperatorsOnly:
    """For what is about all tenants at once: the rights of one tenant's administrator end at their tenant."""

    def __init__(self, inner: Authenticate) -> None:
        self._inner = inner

    async def __call__(self, request: web.Request) -> Principal:
        principal = await self._inner(request)
        if principal.tenant != OPERATOR:
            raise Forbidden("Only whoever runs this hub may ask for that.")
        return principal


def own_tenant(principal: Principal | None) -> str | None:
    """The only tenant whose events the caller may see; `None` = all.

    Raises `Forbidden` for a grant on some domains: an event may concern none, or several.
    """
    if principal is None or principal.is_operator:
        return None
    if not principal.reach(EVENTS).everything:
        raise Forbidden(f"{principal.name} may read events of some domains only: the hub's are of all.")
    return principal.tenant


def own_events(call: Call[F, None]) -> F:
    """What was asked for, cut to what the caller may see. Raises `Forbidden`, `NotFound`."""
    tenant = own_tenant(call.principal)
    if tenant is None:
        return call.query
    if call.query.tenant and tenant not in call.query.tenant:
        raise NotFound("There is no such tenant.")
    return call.query.model_copy(update={"tenant": (tenant,)})


async def own_query(call: Call[F, None], **more: Any) -> Query:
    """The same for the archive, without what is hidden from the caller now.

    Raises `Forbidden`, `NotFound`, `ServiceUnavailable`, `ValidationFailed`.
    """
    return own_events(call).to_query(**more, not_domain=tuple(sorted(await hidden_domains(call))))


async def hidden_domains(call: Call[Any, Any]) -> frozenset[str]:
    """Domains whose events are not for the caller. Raises `ServiceUnavailable` while nobody can say."""
    hidden, caller = services_of(call.request).hidden, call.principal
    return frozenset() if hidden is None or caller is None else await hidden(caller)
