"""Tenants of the core beside the hub: made from the command line, and named as sources."""

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from hub.access.principal import OPERATOR, Principal

if TYPE_CHECKING:
    from core.app.service import CoreService
    from core.service.tenants import Invited

__all__ = ["make", "source_name"]

_SOURCE: Final = "core"
"""Of the operator's own events; other tenants' sources are named `core-<tenant>`."""


async def make(
    service: "CoreService",
    told: Callable[[], None],
    who: Principal,
    request_id: str,
    tenant: str,
    administrator: str,
) -> tuple["Invited", str]:
    """The tenant, and where its first administrator comes in; `told` of it then. Raises `ApiError`."""
    from core.api.errors import translate
    from core.service import tenants
    from core.service.by import By
    from core.store.database import Unavailable

    try:
        made = await tenants.make(
            service.core, By(principal=who, request_id=request_id), tenant, administrator
        )
    except Unavailable as error:
        raise translate(error) or error from error
    told()
    return made, f"{service.url}/api/v1/setup"


def source_name(tenant: str) -> str:
    """Names of sources are narrower than those of tenants, so it may carry a digest."""
    if tenant == OPERATOR:
        return _SOURCE
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in tenant.lower())[:40]
    if plain == tenant:
        return f"{_SOURCE}-{plain}"
    return f"{_SOURCE}-{plain}-{sha256(tenant.encode(errors='replace')).hexdigest()[:12]}"
