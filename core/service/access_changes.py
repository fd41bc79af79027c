"""What follows when keys or people change: domains are freed, links end, audit log and outbox are told."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.access import AccessAudit
from core.store import login_links, outbox
from core.store.clock import Clock
from core.store.tables import domains, removed_ties
from hub.access.audit import Change

__all__ = ["AccessChanges"]

_EVENTS: Final = frozenset(
    {
        *("api_key.created", "api_key.updated", "api_key.revoked", "api_key.deleted"),
        *("auth.login", "auth.login_failed"),
    }
)
_TOLD: Final = ("number", "description", "key_prefix", "expires_ms", "revoked_ms", "by")


class AccessChanges:
    """An `hub.access.audit.Audit`: all of it in the transaction of the change itself."""

    def __init__(self, audit: AccessAudit, *, node_id: str, clock: Clock) -> None:
        self._audit = audit
        self._node_id = node_id
        self._clock = clock

    async def __call__(self, tx: AsyncConnection, change: Change) -> None:
        details: dict[str, Any] = {}
        if change.action == "api_key.deleted":
            details["freed_domains"] = await self._freed(tx, change)
        if change.action == "api_key.updated" and _grants(change.before) != _grants(change.after):
            await login_links.forget(tx, change.resource.partition("/")[2])
        await self._audit(tx, change, details)
        if change.action in _EVENTS:
            data = {**_data(change), **details}
            await outbox.emit(tx, change.action, self._node_id, self._clock(), data, tenant=change.tenant)

    async def _freed(self, tx: AsyncConnection, change: Change) -> list[str]:
        """Domains that only this key saw: every key sees them now, and what happened to those removed."""
        _, _, key_id = change.resource.partition("/")
        gone = (removed_ties.c.tenant == change.tenant) & (removed_ties.c.api_key_id == key_id)
        await tx.execute(delete(removed_ties).where(gone))
        tied = (domains.c.tenant == change.tenant) & (domains.c.api_key_id == key_id)
        free = update(domains).where(tied).values(api_key_id=None, updated_ms=self._clock())
        return sorted((await tx.execute(free.returning(domains.c.name))).scalars())


def _grants(shown: Mapping[str, Any] | None) -> Any:
    return None if shown is None else shown.get("grants")


def _data(change: Change) -> dict[str, Any]:
    actor, shown = change.actor, change.after or change.before or {}
    kind, _, name = change.resource.partition("/")
    return {
        "resource": kind,
        "id": name,
        "domain": name if kind == "domain" else "",
        **{field: shown[field] for field in _TOLD if field in shown},
        "actor": {
            "type": actor.type,
            "name": actor.name,
            "key_prefix": actor.key_prefix,
            "ip": actor.ip,
        },
    }
