"""API keys in the database: made, found, changed, revoked, deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access.plans import PLANS, Limits, of_plan
from hub.access.principal import Grant, Principal
from hub.access.tables import keys, tenants
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = ["Key", "add", "by_hash", "change", "every", "find", "forget", "plan_of", "set_plan", "touch"]

_SHOWN = [column for column in keys.c if column.name != "hash"]
_WITH_PLAN = [*_SHOWN, tenants.c.plan.label("tenant_plan"), tenants.c.limits.label("tenant_limits")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key without its text."""

    id: str
    number: int
    tenant: str
    description: str
    prefix: str
    grants: tuple[Grant, ...]
    allow_key_admin: bool
    plan: str | None
    """`None` = the tenant's."""
    limits: Mapping[str, Any]
    """Figures in place of the plan's (names of `Limits`)."""
    effective: Limits
    """What really holds for it."""
    created_by: str
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    """Behind by up to a minute."""
    revoked_ms: int | None

    def principal(self) -> Principal:
        return Principal(
            kind="key",
            id=self.id,
            name=self.description or self.prefix,
            tenant=self.tenant,
            grants=self.grants,
            key_id=self.id,
            key_prefix=self.prefix,
            allow_key_admin=self.allow_key_admin,
            limits=self.effective,
        )

    def shown(self) -> dict[str, Any]:
        """As the API and the audit log show it."""
        return {
            "id": self.id,
            "number": self.number,
            "description": self.description,
            "key_prefix": self.prefix,
            "grants": [grant.to_json() for grant in self.grants],
            "allow_key_admin": self.allow_key_admin,
            "plan": self.plan,
            "limits": dict(self.limits),
            "created_by": self.created_by,
            "created_ms": self.created_ms,
            "expires_ms": self.expires_ms,
            "last_used_ms": self.last_used_ms,
            "revoked_ms": self.revoked_ms,
        }


async def add(tx: AsyncConnection, *, grants: Sequence[Grant], **values: Any) -> Key:
    """Keep a key; `values` are columns of `access_keys`."""
    key_id = new_id("key")
    row = {"id": key_id, "grants": [grant.to_json() for grant in grants], **values}
    await tx.execute(insert(keys).values(row))
    found = await find(tx, values["tenant"], key_id)
    assert found is not None  # noqa: S101 - written above, in this transaction
    return found


async def by_hash(tx: AsyncConnection, hashed: str) -> Key | None:
    return await _one(tx, keys.c.hash == hashed)


async def find(tx: AsyncConnection, tenant: str, key: str | int) -> Key | None:
    """By id, or by number; another tenant's is not found."""
    column = keys.c.number if isinstance(key, int) else keys.c.id
    return await _one(tx, (keys.c.tenant == tenant) & (column == key))


async def every(tx: AsyncConnection, tenant: str) -> list[Key]:
    """All of a tenant, revoked ones too, the oldest first."""
    found = _select().where(keys.c.tenant == tenant).order_by(keys.c.number)
    return [_key(row) for row in (await tx.execute(found)).mappings()]


async def change(tx: AsyncConnection, key_id: str, **values: Any) -> None:
    await tx.execute(update(keys).where(keys.c.id == key_id).values(**values))


async def touch(tx: AsyncConnection, key_id: str, now_ms: int, than_ms: int) -> None:
    """It was used now, unless that is known of a time after `than_ms` already."""
    stale = keys.c.last_used_ms.is_(None) | (keys.c.last_used_ms < than_ms)
    await tx.execute(update(keys).where((keys.c.id == key_id) & stale).values(last_used_ms=now_ms))


async def forget(tx: AsyncConnection, key_id: str) -> None:
    await tx.execute(delete(keys).where(keys.c.id == key_id))


async def plan_of(tx: AsyncConnection, tenant: str) -> tuple[str, dict[str, Any]]:
    """The tenant's plan and the figures in place of the plan's."""
    found = (await tx.execute(select(tenants).where(tenants.c.tenant == tenant))).mappings().one_or_none()
    return ("default", {}) if found is None else (found["plan"], found["limits"])


async def set_plan(tx: AsyncConnection, tenant: str, plan: str, limits: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a plan or a limit that there is not."""
    if plan not in PLANS:
        raise ValueError(f"no such plan: {plan[:40]!r}; there are {', '.join(PLANS)}")
    of_plan(plan, limits)
    row = {"plan": plan, "limits": dict(limits)}
    new = upsert.insert(tx, tenants).values(tenant=tenant, **row)
    await tx.execute(new.on_conflict_do_update(index_elements=["tenant"], set_=row))


def _select() -> Any:
    return select(*_WITH_PLAN).select_from(keys.outerjoin(tenants, keys.c.tenant == tenants.c.tenant))


async def _one(tx: AsyncConnection, condition: Any) -> Key | None:
    row = (await tx.execute(_select().where(condition))).mappings().one_or_none()
    return None if row is None else _key(row)


def _key(row: RowMapping) -> Key:
    values = dict(row)
    plan, limits = values.pop("tenant_plan"), values.pop("tenant_limits")
    of_tenant = of_plan(plan or "default", limits)
    base = of_tenant if row["plan"] is None else of_plan(row["plan"], {})
    values["grants"] = tuple(Grant.from_json(one) for one in row["grants"])
    return Key(**values, effective=base.overridden(row["limits"]))
