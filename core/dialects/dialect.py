"""A vendor's API over the service's own data: its routes, its forms, its limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.api.app import MAX_BODY_BYTES
from core.api.errors import translate
from core.api.services import CORE
from core.service.core import Core
from hub.access.limiter import Budget
from hub.access.plans import Limits
from hub.access.principal import Principal
from hub.web.access import presented
from hub.web.form import Form
from hub.web.gate import Gate, tell_limits
from hub.web.middleware import answers
from hub.web.mount import mount
from hub.web.route import Route

__all__ = ["Dialect", "bearer", "create_app", "of_the_key"]


def bearer(request: web.Request) -> str:
    """The key of `Authorization: Bearer <key>`; nothing where there is none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def of_the_key(principal: Principal) -> Limits | None:
    """The limits that the key itself has: its plan, and what it is given beyond that.

    No page limits people in a browser.
    """
    return None if principal.kind == "session" else principal.limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`key_of` takes the key out of a request; `limits` are those that the vendor's page promises.

    `hint` says to who brings no key how to send one. `headers` tell a caller how its limits stand, by the
    names of the page. `sessions`: whether a cookie is taken beside keys. `around` makes what sees every
    request and its answer in the vendor's form. `contract` is the path of its description, if it has one.
    """

    name: str
    routes: tuple[Route, ...]
    form: Form
    key_of: Callable[[web.Request], str] = presented
    hint: str = "Send your key as `Authorization: Bearer <key>`."
    limits: Callable[[Principal], Limits | None] = of_the_key
    headers: Callable[[Budget], Mapping[str, str]] = lambda _: {}
    sessions: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    around: tuple[Callable[[], Middleware], ...] = ()
    contract: str = ""


def create_app(core: Core, dialect: Dialect, outer: Sequence[Middleware] = ()) -> web.Application:
    """The vendor's API; `outer` middlewares see requests before anything of the dialect does."""
    middlewares = [
        *outer,
        *(make() for make in dialect.around),
        answers(translate, prefix="/", form=dialect.form, contract=dialect.contract),
    ]
    app = web.Application(middlewares=middlewares, client_max_size=dialect.max_body_bytes)
    app[CORE] = core
    access = core.access
    gate = Gate(
        access.keyring,
        access.sessions if dialect.sessions else None,
        access.limiter,
        given=dialect.key_of,
        limits=dialect.limits,
        hint=dialect.hint,
    )
    mount(app, dialect.routes, authenticate=gate, idempotency=core.idempotency, form=dialect.form)
    tell_limits(app, dialect.headers)
    return app
