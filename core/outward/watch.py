"""Which audit actions somebody wants to be told of, and how the telling reaches the outbox.

Not every action is an event. Where a target of the tenant wants one, a row without a name, with the action,
goes to the outbox in the transaction of the audit entry; nobody but notifications reads such rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Change
from core.audit.plain import plain
from core.outward.letter import DESTRUCTIVE, is_destructive
from core.store import notifications, outbox
from core.store.clock import Clock
from core.store.notifications import Target

__all__ = ["DESTRUCTIVE_PRESET", "MONITORS", "Watch", "rules_of", "wants"]

DESTRUCTIVE_PRESET: Final = "destructive"
MONITORS: Final[Mapping[str, tuple[str, ...]]] = {
    "dns": ("dns.health_alert", "dns.health_recovered"),
    "dmarc": ("dmarc.drift_alert", "dmarc.drift_recovered"),
    "certificates": ("cert.expiring", "cert.resolved"),
    "dkim": ("dkim.rotation_due",),
    "reputation": ("reputation.threshold_crossed",),
    "cluster": ("cluster.node_joined", "cluster.node_left"),
    "license": ("license.changed",),
    "mailboxes": (
        *("mailbox.quota_alert", "mailbox.quota_recovered"),
        *("mailbox.send_limit_alert", "mailbox.send_limit_recovered"),
    ),
    "alerts": ("alert.triggered", "alert.resolved"),
    "webhooks": ("webhook.disabled",),
}
"""What watches by itself, and the actions by which it tells: on transitions only."""
_MONITORED: Final = frozenset(action for actions in MONITORS.values() for action in actions)
_UNNAMED = ""


def patterns(target: Target) -> list[str]:
    """The actions that it wants, with a `*` at the end where it means all that begin so."""
    own = [action for action in target.actions if action != DESTRUCTIVE_PRESET]
    return sorted({*own, *(action for name in target.monitors for action in MONITORS.get(name, ()))})


def rules_of(target: Target) -> list[Mapping[str, Sequence[Any]]]:
    """For the table of routes."""
    of: dict[str, Sequence[Any]] = {"tenant": [target.tenant], "source": [_UNNAMED]}
    places = target.sight.places()
    if places is not None:
        of["domain"] = places
    rules: list[Mapping[str, Sequence[Any]]] = []
    if found := patterns(target):
        rules.append({**of, "code": found})
    if DESTRUCTIVE_PRESET in target.actions:
        rules.append({**of, "severity": [DESTRUCTIVE]})
    return rules


def wants(target: Target, action: str) -> bool:
    """As the rules do."""
    if DESTRUCTIVE_PRESET in target.actions and is_destructive(action):
        return True
    return any(
        action.startswith(one[:-1]) if one.endswith("*") else action == one for one in patterns(target)
    )


class Watch:
    """For `core.audit.chain.Chain`: called with the changes of one transaction."""

    def __init__(self, node_id: str, clock: Clock) -> None:
        self._node_id = node_id
        self._clock = clock

    async def __call__(self, tx: AsyncConnection, tenant: str, changes: Iterable[Change]) -> None:
        targets = await notifications.enabled(tx, tenant)
        wanted = [change for change in changes if any(wants(target, change.action) for target in targets)]
        told = [("", {"domain": change.resource.domain, **_data(change)}) for change in wanted]
        actions = [change.action for change in wanted]
        await outbox.emit_many(tx, told, self._node_id, self._clock(), tenant=tenant, actions=actions)


def _data(change: Change) -> dict[str, Any]:
    """What people are told: no values of what was changed, but what a monitor saw."""
    actor, thing = change.actor, change.resource
    seen = {"details": plain(change.details)} if change.action in _MONITORED else {}
    return {
        **seen,
        "actor": {"type": actor.type, "name": actor.id, "ip": actor.ip},
        "resource": {"type": thing.type, "id": thing.id},
        "result": change.result,
        "reason": change.reason,
        "request_id": change.request_id,
    }
