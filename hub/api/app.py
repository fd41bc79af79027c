"""The front door as an aiohttp application: one per listener, all over the same services."""

from collections.abc import Sequence

from aiohttp import web

from hub.api.callers import EVENTS, Callers, OperatorsOnly
from hub.api.errors import translate
from hub.api.services import SERVICES, Services
from hub.api.table import ROUTES
from hub.web.access import Authenticate, Trusted
from hub.web.limits import everywhere, tell_limits
from hub.web.middleware import answers
from hub.web.mount import mount

__all__ = ["create_app"]

MAX_BODY_BYTES = 1024 * 1024


def create_app(
    services: Services, *, trusted: bool, extra_routes: Sequence[web.AbstractRouteDef] = ()
) -> web.Application:
    """`trusted`: the 0600 unix socket, where no token is needed. `extra_routes`: ingest."""
    around = [answers(translate)]
    if not trusted:
        around.append(everywhere(lambda: services.gate, "/api/"))
    app = web.Application(middlewares=around, client_max_size=MAX_BODY_BYTES)
    app[SERVICES] = services
    callers: Authenticate = Trusted() if trusted else Callers(services)
    of_tenants = [route for route in ROUTES if route.scope == EVENTS]
    others = [route for route in ROUTES if route.scope != EVENTS]
    mount(app, of_tenants, authenticate=callers, idempotency=services.idempotency)
    mount(app, others, authenticate=OperatorsOnly(callers), idempotency=services.idempotency)
    tell_limits(app)
    app.add_routes(extra_routes)
    return app
