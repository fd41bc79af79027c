"""Who asks for a change, and how it is put on record: one audit entry and, where there is one, one event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Actor, ActorType, Change, Resource, Result
from core.service.core import Core
from core.store import outbox
from hub.access.principal import Principal

__all__ = ["By", "Deed", "record"]

_TYPES: Mapping[str, ActorType] = {"key": "api_key", "token": "api_key", "system": "system"}


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """The caller of one request, whatever dialect it came in."""

    principal: Principal
    request_id: str = ""
    ip: str = ""

    @classmethod
    def system(cls, tenant: str, name: str = "scheduler") -> Self:
        """The service itself."""
        return cls(principal=Principal.system(name, tenant))

    @property
    def tenant(self) -> str:
        return self.principal.tenant

    @property
    def actor(self) -> Actor:
        """As the audit log names them."""
        who = self.principal
        kind = _TYPES.get(who.kind, "user")
        return Actor(type=kind, id=who.name, key_prefix=who.key_prefix, ip=self.ip)

    @property
    def shown(self) -> dict[str, str]:
        """As events name them."""
        actor = self.actor
        return {"type": actor.type, "name": actor.id, "key_prefix": actor.key_prefix, "ip": actor.ip}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A change that was made.

    `before` and `after` hold what differs. `event` is its name in the outbox (`domain.created`), nothing
    where nobody is told; `data` is what the event carries.
    """

    action: str
    resource: Resource
    before: Any = None
    after: Any = None
    result: Result = "success"
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    event: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


async def record(core: Core, tx: AsyncConnection, by: By, deed: Deed) -> None:
    """Write the change's entry and its event, in the transaction of the change. Call it last."""
    change = Change(
        actor=by.actor,
        action=deed.action,
        resource=deed.resource,
        result=deed.result,
        reason=deed.reason,
        request_id=by.request_id,
        before=deed.before,
        after=deed.after,
        details=deed.details,
    )
    await core.chain.append(tx, by.tenant, change)
    if deed.event:
        data = {"domain": deed.resource.domain, **deed.data, "actor": by.shown}
        await outbox.emit(tx, deed.event, core.node_id, core.clock(), data, tenant=by.tenant)
