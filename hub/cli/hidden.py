"""What the core beside the hub does not show to a caller, so that the hub does not either."""

from typing import TYPE_CHECKING

from hub.access.principal import Principal
from hub.web.errors import ServiceUnavailable

if TYPE_CHECKING:
    from core.app.service import CoreService

__all__ = ["hidden"]


async def hidden(service: "CoreService", who: Principal) -> frozenset[str]:
    """Domains that are not there for a caller; an operator's key asks for all tenants' events.

    Raises `ServiceUnavailable` while the core cannot say.
    """
    from core.service import visible
    from core.store.database import Unavailable

    try:
        async with service.core.database.read() as tx:
            return await visible.hidden(tx, who, everywhere=who.is_operator)
    except Unavailable as error:
        raise ServiceUnavailable(f"The core cannot say now what is for {who.name}: {error}") from error
