"""The front door as an aiohttp application: one per listener, all over the same services."""

from collections.abc import Sequence

from aiohttp import web

from hub.api.errors import translate
from hub.api.services import SERVICES, Services
from hub.api.table import ROUTES
from hub.web.access import Authenticate, StaticToken, Trusted
from hub.web.middleware import answers
from hub.web.mount import mount

__all__ = ["create_app"]

MAX_BODY_BYTES = 1024 * 1024


def create_app(
    services: Services, *, trusted: bool, extra_routes: Sequence[web.AbstractRouteDef] = ()
) -> web.Application:
    """`trusted`: the 0600 unix socket, where no token is needed. `extra_routes`: ingest."""
    app = web.Application(middlewares=[answers(translate)], client_max_size=MAX_BODY_BYTES)
    app[SERVICES] = services
    authenticate: Authenticate = Trusted() if trusted else StaticToken(lambda: _token(services))
    mount(app, ROUTES, authenticate=authenticate, idempotency=services.idempotency)
    app.add_routes(extra_routes)
    return app


def _token(services: Services) -> str:
    secret = services.settings.admin_token
    return secret.get_secret_value() if secret else ""
