"""The audit log as `hub.access` writes to it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, ActorType, Change, Resource
from hub.access import audit

__all__ = ["AccessAudit"]

_TYPES: Mapping[str, ActorType] = {"key": "api_key", "token": "api_key", "system": "system"}


class AccessAudit:
    """An `hub.access.audit.Audit` whose entries join the tenant's chain, in the transaction of the change."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    async def __call__(
        self, tx: AsyncConnection, change: audit.Change, details: Mapping[str, Any] | None = None
    ) -> None:
        """Write the entry; `tx` is of the core's database."""
        who = change.actor
        kind, _, name = change.resource.partition("/")
        written = Change(
            actor=Actor(type=_TYPES.get(who.type, "user"), id=who.name, key_prefix=who.key_prefix, ip=who.ip),
            action=change.action,
            resource=Resource(type=kind, id=name),
            result="success" if change.succeeded else "failure",
            request_id=who.request_id,
            before=change.before,
            after=change.after,
            details={"actor_id": who.id, "signed_in_by": who.type, **(details or {})},
        )
        await self._chain.append(tx, change.tenant, written)
