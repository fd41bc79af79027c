"""Whom domains belong to, and how many more there may be: by the licence, and by their subscription."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from core.service.domain_changes import DomainChange
from core.store import customers, domain_names, subscriptions
from core.store.subscriptions import Subscription
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["LIMIT", "UNLIMITED", "NoRoom", "NoSubscription", "Room", "room"]

LIMIT = "domains"
"""The name of the limit among those of a subscription."""
UNLIMITED = -1


class NoRoom(Conflict):
    """The licence or the subscription allows no more domains."""


class NoSubscription(ValidationFailed):
    """The subscription is not the tenant's, or not active."""


@dataclass(slots=True)
class Room:
    """What is left, counted down while domains are added. `licensed` None is without bound. `owners` are the
    customers and organizations that were named and are there.
    """

    total: int = 0
    licensed: int | None = None
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()
    added: dict[str, int] = field(default_factory=dict)

    def check_owners(self, change: DomainChange) -> None:
        """Whether those whom a change names are there. Raises `ValidationFailed`."""
        for name in ("customer_id", "organization_id"):
            given = getattr(change, name)
            if isinstance(given, str) and given not in self.owners:
                raise ValidationFailed.of(name, f"there is no {given[:80]!r}")

    def check(self, handle: str | None, *, adds_domain: bool = True) -> None:
        """Whether one more fits. Raises `NoRoom`, `NoSubscription`."""
        if adds_domain and self.licensed is not None and self.total >= self.licensed:
            raise NoRoom(f"The licence allows {self.licensed} domains, and there are {self.total}.")
        if handle is None:
            return
        found = self.subscriptions.get(handle)
        if found is None or not found.active:
            state = "is not active" if found is not None else "does not exist"
            raise NoSubscription.of("subscription_handle", f"the subscription {handle[:80]!r} {state}")
        most, now = found.limits.get(LIMIT, UNLIMITED), found.active_accounts + self.added.get(handle, 0)
        if most != UNLIMITED and now >= most:
            raise NoRoom(f"The subscription {handle} allows {most} domains, and has {now}.")

    def take(self, handle: str | None, *, adds_domain: bool = True) -> None:
        """Count one that was added."""
        self.total += adds_domain
        if handle is not None:
            self.added[handle] = self.added.get(handle, 0) + 1


async def room(tx: AsyncConnection, tenant: str, changes: Iterable[DomainChange]) -> Room:
    """What is left at this moment, and those of the tenant whom the changes name."""
    given = list(changes)
    total, licensed = await domain_names.licensed(tx)
    known = [await subscriptions.find(tx, tenant, each) for each in _named(given, "subscription")]
    owners = {each for each in _named(given, "customer_id") if await customers.find(tx, tenant, each)}
    for each in _named(given, "organization_id"):
        if await customers.find_organization(tx, tenant, each):
            owners.add(each)
    return Room(
        total=total,
        licensed=licensed,
        subscriptions={each.handle: each for each in known if each is not None},
        owners=frozenset(owners),
    )


def _named(changes: Iterable[DomainChange], field_name: str) -> list[str]:
    given = (getattr(each, field_name) for each in changes)
    return sorted({each for each in given if isinstance(each, str)})
