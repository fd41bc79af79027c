"""How many more domains there may be: by the licence, and by the subscription that they belong to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import domain_names
from core.store.domain_names import Subscription
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["LIMIT", "Room", "room"]

LIMIT = "domains"
"""The name of the limit among those of a subscription."""


@dataclass(slots=True)
class Room:
    """What is left, counted down while domains are added. `licensed` None is without bound."""

    total: int = 0
    licensed: int | None = None
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)

    def check(self, handle: str | None, *, adds_domain: bool = True) -> None:
        """Whether one more fits. Raises `Conflict`, and `ValidationFailed` for what is no subscription."""
        if adds_domain and self.licensed is not None and self.total >= self.licensed:
            raise Conflict(f"The licence allows {self.licensed} domains, and there are {self.total}.")
        if handle is None:
            return
        found = self.subscriptions.get(handle)
        if found is None or not found.active:
            state = "is not active" if found is not None else "does not exist"
            raise ValidationFailed.of("subscription_handle", f"the subscription {handle[:80]!r} {state}")
        most, now = _most(found.limits), found.domains + self.added.get(handle, 0)
        if most is not None and now >= most:
            raise Conflict(f"The subscription {handle} allows {most} domains, and has {now}.")

    def take(self, handle: str | None, *, adds_domain: bool = True) -> None:
        """Count one that was added."""
        self.total += adds_domain
        if handle is not None:
            self.added[handle] = self.added.get(handle, 0) + 1


async def room(tx: AsyncConnection, tenant: str, handles: Iterable[str]) -> Room:
    """What is left at this moment, with the tenant's subscriptions of these handles."""
    total, licensed = await domain_names.licensed(tx)
    found = [await domain_names.subscription(tx, tenant, each) for each in sorted(set(handles))]
    known = {each.handle: each for each in found if each is not None}
    return Room(total=total, licensed=licensed, subscriptions=known)


def _most(limits: Mapping[str, Any]) -> int | None:
    value = limits.get(LIMIT)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
