"""The service's own API as an aiohttp application."""

from aiohttp import web

from core.api.errors import translate
from core.api.services import CORE
from core.api.table import ROUTES
from core.service.core import Core
from hub.access.plans import of_an_address
from hub.web.gate import Gate, Holder, everywhere, tell_limits
from hub.web.middleware import answers
from hub.web.mount import mount

__all__ = ["MAX_BODY_BYTES", "create_app"]

MAX_BODY_BYTES = 50 * 1024 * 1024 + 64 * 1024
"""A message of the largest size that is scanned, and its envelope."""


def create_app(core: Core, *, token: Holder | None = None) -> web.Application:
    """`token` knows who holds tokens that are no keys."""
    access, unknown = core.access, of_an_address(core.config.unknown_per_minute)
    gate = Gate(access.keyring, access.sessions, access.limiter, token=token, unknown=unknown)
    around = [answers(translate), everywhere(lambda: gate)]
    app = web.Application(middlewares=around, client_max_size=MAX_BODY_BYTES)
    app[CORE] = core
    mount(app, ROUTES, authenticate=gate, idempotency=core.idempotency)
    tell_limits(app)
    return app
