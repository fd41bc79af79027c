"""MXroute Manager's API, whole."""

from core.dialects.dialect import Dialect
from core.dialects.mxroute_manager import (
    admin,
    dns,
    domains,
    forwarding,
    logs,
    mailboxes,
    password_reset,
    spam,
    system,
)
from core.dialects.mxroute_manager.access import bearer
from core.dialects.mxroute_manager.form import ManagerForm

__all__ = ["MXROUTE_MANAGER"]

_ROUTES = (
    *domains.ROUTES,
    *mailboxes.ROUTES,
    *forwarding.ROUTES,
    *dns.ROUTES,
    *spam.ROUTES,
    *admin.ROUTES,
    *logs.ROUTES,
    *password_reset.ROUTES,
)

MXROUTE_MANAGER = Dialect(
    name="mxroute-manager",
    routes=system.routes(_ROUTES),
    form=ManagerForm(),
    key_of=bearer,
    sessions=True,
    max_body_bytes=1024 * 1024,
)
"""Its page names no limits and no headers that tell them: a key's own hold, silently."""
