"""Tokens of the process itself: nothing of them is kept, and they end with it."""

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256

from hub.access.principal import Grant, Principal
from hub.web.access import StaticToken

__all__ = ["Tokens"]

_PREFIX = "hub."


class Tokens:
    """The configured admin token, and one a tenant with which the hub beside the core reads its events."""

    def __init__(self, admin: Callable[[], str] = str) -> None:
        """`admin` is asked at every request; empty = none is configured."""
        self._admin = StaticToken(admin)
        self._key = secrets.token_bytes(32)

    def of(self, tenant: str) -> str:
        """The hub's token for a tenant's events: all of them, whatever key a domain is tied to."""
        return f"{_PREFIX}{self._seal(tenant)}.{tenant}"

    def holder(self, given: str) -> Principal | None:
        """Who holds this token; `None` when it is none of ours."""
        if not given.startswith(_PREFIX):
            return self._admin.holder(given)
        seal, _, tenant = given.removeprefix(_PREFIX).partition(".")
        if not hmac.compare_digest(seal.encode(errors="replace"), self._seal(tenant).encode()):
            return None
        grants = (Grant.of(["events:read"]),)
        return Principal(kind="system", id="hub", name="hub", tenant=tenant, grants=grants)

    def _seal(self, tenant: str) -> str:
        return hmac.new(self._key, tenant.encode(errors="replace"), sha256).hexdigest()
