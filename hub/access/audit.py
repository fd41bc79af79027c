"""What changed, for whoever keeps the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access.principal import Principal

__all__ = ["SYSTEM", "Actor", "Audit", "Change", "actor_of", "silence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it."""

    type: str
    """`key`, `session`, `token`, `local`, `system`, or `unknown` for a sign-in that failed."""
    id: str
    name: str
    key_prefix: str = ""
    ip: str = ""
    request_id: str = ""


SYSTEM = Actor(type="system", id="system", name="mxhub")


def actor_of(principal: Principal, ip: str = "", request_id: str = "") -> Actor:
    return Actor(
        type=principal.kind,
        id=principal.id,
        name=principal.name,
        key_prefix=principal.key_prefix,
        ip=ip,
        request_id=request_id,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry. `before` and `after` hold what an administrator may see: never a key, code or password."""

    actor: Actor
    tenant: str
    action: str
    """`api_key.created`, `auth.login_failed`, ..."""
    resource: str
    """`api_key/<id>`, `account/<id>`"""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    succeeded: bool = True


class Audit(Protocol):
    async def __call__(self, tx: AsyncConnection, change: Change) -> None:
        """Called inside the transaction of the change, as its last step: what it raises undoes the change.

        A log in the same database joins `tx`; one elsewhere writes before the change is durable.
        """
        ...


async def silence(tx: AsyncConnection, change: Change) -> None:
    """For who keeps no log."""
    del tx, change
