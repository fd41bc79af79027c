"""DKIM keys whose age is watched."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import dkim_keys

__all__ = ["DOMAIN", "DkimKey", "add", "find", "listing", "of", "retire", "retire_all"]

_row = dkim_keys.c
DOMAIN = _row.domain


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """`public_key` is the record's value or its `p=`; `warned`: its rotation was announced."""

    tenant: str
    domain: str
    selector: str
    public_key: str
    created_ms: int
    retired_ms: int | None = None
    warned: bool = False


def listing(tenant: str) -> Select[Any]:
    """Those in use first, the oldest of them first of all; `of` makes records of the rows."""
    order = (_row.retired_ms.is_not(None), _row.created_ms, _row.domain, _row.selector)
    return select(dkim_keys).where(_row.tenant == tenant).order_by(*order)


def of(row: Any) -> DkimKey:
    """A row of `listing`."""
    return DkimKey(**{name: row[name] for name in DkimKey.__dataclass_fields__})


async def find(tx: AsyncConnection, domain: str, selector: str) -> DkimKey | None:
    row = (await tx.execute(select(dkim_keys).where(*_is(domain, selector)))).mappings().one_or_none()
    return None if row is None else of(row)


async def add(tx: AsyncConnection, key: DkimKey) -> None:
    """Raises `sqlalchemy.exc.IntegrityError` for a selector that the domain has had."""
    await tx.execute(insert(dkim_keys).values(**asdict(key)))


async def retire(tx: AsyncConnection, key: DkimKey, now_ms: int) -> None:
    await tx.execute(update(dkim_keys).where(*_is(key.domain, key.selector)).values(retired_ms=now_ms))


async def retire_all(tx: AsyncConnection, tenant: str, domain: str, now_ms: int) -> list[str]:
    """Every key of the domain that is in use; returns their selectors."""
    where = (_row.tenant == tenant, _row.domain == domain, _row.retired_ms.is_(None))
    done = update(dkim_keys).where(*where).values(retired_ms=now_ms).returning(_row.selector)
    return sorted((await tx.execute(done)).scalars())


def _is(domain: str, selector: str) -> tuple[ColumnElement[bool], ...]:
    return _row.domain == domain, _row.selector == selector
