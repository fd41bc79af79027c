"""What belongs to whoever runs the service, whatever rights others have in their own tenants."""

from core.service.by import By
from core.store.tenancy import OPERATOR
from hub.web.errors import Forbidden

__all__ = ["only_the_operator"]


def only_the_operator(by: By) -> None:
    """Who holds `full-admin` in the operator's own tenant. Raises `Forbidden`."""
    if by.tenant != OPERATOR or not by.principal.is_full_admin:
        raise Forbidden("Only whoever runs the service decides on tenants, plans and subscriptions.")
