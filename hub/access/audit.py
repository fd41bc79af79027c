"""What changed, for whoever keeps the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

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

    @classmethod
    def between(
        cls, actor: Actor, action: str, kind: str, before: "Shown | None", after: "Shown | None"
    ) -> Self:
        """Of a thing that came (no `before`), changed or went (no `after`); `kind` begins `resource`."""
        thing = after or before
        assert thing is not None  # noqa: S101 - a change is of something
        return cls(
            actor=actor,
            tenant=thing.tenant,
            action=action,
            resource=f"{kind}/{thing.id}",
            before=None if before is None else before.shown(),
            after=None if after is None else after.shown(),
        )


class Shown(Protocol):
    """A key or an account."""

    @property
    def id(self) -> str: ...

    @property
    def tenant(self) -> str: ...

    def shown(self) -> Mapping[str, Any]:
        """What an administrator may see of it."""
        ...


class Audit(Protocol):
    async def __call__(self, tx: AsyncConnection, change: Change) -> None:
        """Called inside the transaction of the change, as its last step: what it raises undoes the change.

        A log in the same database joins `tx`; one elsewhere writes before the change is durable.
        """
        ...


async def silence(tx: AsyncConnection, change: Change) -> None:
    """For who keeps no log."""
    del tx, change
