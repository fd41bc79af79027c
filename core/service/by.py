"""Who asks for a change, and how it is put on record: one audit entry and, where there is one, one event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Actor, ActorType, Change, Resource, Result
from core.service.core import Core
from core.store import outbox
from hub.access import audit as access
from hub.access.principal import Principal

__all__ = ["By", "Deed", "record", "record_many"]

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
    def accessor(self) -> access.Actor:
        """As keys and people know them."""
        return access.actor_of(self.principal, self.ip, self.request_id)

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
    await record_many(core, tx, by, (deed,))


async def record_many(core: Core, tx: AsyncConnection, by: By, deeds: Sequence[Deed]) -> None:
    """As `record`, for many changes of one transaction, in few statements."""
    await core.chain.append_many(tx, by.tenant, [_change(by, deed) for deed in deeds])
    loud = [deed for deed in deeds if deed.event]
    told = [(deed.event, {"domain": deed.resource.domain, **deed.data, "actor": by.shown}) for deed in loud]
    of = [deed.resource.domain for deed in loud]
    await outbox.emit_many(tx, told, core.node_id, core.clock(), tenant=by.tenant, domains=of)
    core.outward.wake()


def _change(by: By, deed: Deed) -> Change:
    return Change(
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
