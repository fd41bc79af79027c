"""MXroute Manager's API, whole."""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from core.dialects.dialect import Dialect, bearer
from core.dialects.mxroute_manager import (
    admin,
    dns,
    domains,
    figures,
    forwarding,
    logs,
    mailboxes,
    notifications,
    password_reset,
    sessions,
    spam,
    system,
)
from core.dialects.mxroute_manager.form import ManagerForm
from core.dialects.mxroute_manager.sessions import csrf_cookie
from hub.web.route import Route

__all__ = ["MXROUTE_MANAGER"]

_ROUTES = (
    *sessions.ROUTES,
    *domains.ROUTES,
    *figures.ROUTES,
    *mailboxes.ROUTES,
    *forwarding.ROUTES,
    *dns.ROUTES,
    *spam.ROUTES,
    *admin.ROUTES,
    *logs.ROUTES,
    *notifications.ROUTES,
    *password_reset.ROUTES,
)


class _Anything(BaseModel):
    """The manager does not look at parameters that it does not know."""

    model_config = ConfigDict(extra="ignore")


def _tolerant(route: Route) -> Route:
    return route if route.query is not None else replace(route, query=_Anything)


MXROUTE_MANAGER = Dialect(
    name="mxroute-manager",
    routes=tuple(_tolerant(route) for route in system.routes(_ROUTES)),
    form=ManagerForm(),
    key_of=bearer,
    sessions=True,
    around=(csrf_cookie,),
    max_body_bytes=1024 * 1024,
)
"""Its page names no limits and no headers that tell them: a key's own hold, silently."""
