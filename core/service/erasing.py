"""Erasing a tenant: rows in every table, files, counts of its limits, and a record in the operator's chain.

Rows go some thousand at a time, so that others wait for a moment only. Whoever could make new ones goes
first: keys, people, domains. What a kill leaves is done when it is asked for again; `erasing:<tenant>` in
`meta` says that there is something left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit import retention
from core.seam.files import Kind
from core.seam.folder import BadName, Folder
from core.service.core import Core
from core.store import meta, tables
from core.store.tenancy import OPERATOR
from hub.access import tables as access

__all__ = ["CHILDREN", "FILES", "KEPT", "NOBODYS", "erase", "owned"]

CHILDREN: Final[Mapping[Table, tuple[str, Table]]] = {
    tables.quarantine_bodies: ("item", tables.quarantine_items),
    access.recovery_codes: ("account_id", access.accounts),
}
"""Tables without a tenant of their own: the column that names a row (`id`) of another table."""

NOBODYS: Final[Mapping[Table, str]] = {
    tables.cluster_nodes: "processes of the service",
    tables.licences: "of the service",
    tables.counters: "numbers that were given out",
    tables.meta: "single values of the service",
    access.once: "emptied whenever somebody is erased: sign-ins that had begun begin again",
}
"""Tables in which no row is a tenant's."""

KEPT: Final = frozenset({tables.audit_entries, tables.audit_heads})
"""Erased by `core.audit.retention`, so that the rest of the log can still be verified."""

FILES: Final[Mapping[Table, Kind]] = {tables.messages: "spool", tables.quarantine_items: "quarantine"}
"""Tables whose column `file` names one of these folders' files."""

_FIRST: Final = (access.keys, access.sessions, access.accounts, access.delegations, tables.domains)
_OPERATORS_OWN: Final = frozenset(
    {access.tenants, access.keys, access.accounts, access.delegations, access.sessions, tables.settings}
)
"""Stay with the operator's tenant: without them nobody could sign in any more."""
_CHUNK: Final = 2_000


def owned() -> Sequence[Table]:
    """Every table with rows of tenants that `erase` empties, those first that let somebody make new rows."""
    every = [*access.metadata.sorted_tables, *tables.metadata.sorted_tables]
    own = [table for table in every if "tenant" in table.c and table not in KEPT]
    return [*_FIRST, *(table for table in own if table not in _FIRST)]


async def erase(core: Core, tenant: str) -> Mapping[str, int]:
    """Remove all that is here of a tenant; counts by place, nothing where there was nothing.

    Of the operator's own tenant keys, people, settings and the audit log stay. Raises `Unavailable`,
    `LimiterDown`, `OSError`.
    """
    mark = f"erasing:{tenant}"
    places: Counter[str] = Counter()
    while removed := await _pass(core, tenant, mark):
        places += removed
    async with core.database.begin() as tx:
        begun = await meta.get(tx, mark) is not None
        if begun and tenant != OPERATOR:
            places["audit"] += await retention.erase(tx, core.chain, tenant)
    if not begun:
        return {}
    places["limits"] += await core.access.limiter.forget(tenant)
    await core.database.compact()
    async with core.database.begin() as tx:
        await tx.execute(delete(tables.meta).where(tables.meta.c.key == mark))
    return {f"core:{place}": n for place, n in places.items() if n}


async def _pass(core: Core, tenant: str, mark: str) -> Counter[str]:
    """Every table once; nothing when all are empty."""
    places: Counter[str] = Counter()
    for table in owned():
        if tenant == OPERATOR and table in _OPERATORS_OWN:
            continue
        while n := await _some(core, table, tenant, mark, places):
            places[table.name] += n
    return places


async def _some(core: Core, table: Table, tenant: str, mark: str, places: Counter[str]) -> int:
    """Remove some rows, what hangs on them, and then their files. Returns how many rows went."""
    async with core.database.begin() as tx:
        own = table.c.tenant == tenant
        keys = list(table.primary_key)
        wanted = [*keys, table.c.file] if table in FILES else keys
        rows = (await tx.execute(select(*wanted).where(own).limit(_CHUNK))).all()
        if not rows:
            return 0
        await meta.put(tx, mark, "1")
        ids = [tuple(row)[: len(keys)] for row in rows]
        places += await _hanging(tx, table, ids)
        await tx.execute(delete(table).where(own, _among(keys, ids)))
        if table is access.accounts or table is access.keys:
            await tx.execute(delete(access.once))
    if table in FILES:
        names = [row.file for row in rows if row.file]
        await core.workers.run(_drop, Folder(core.data / FILES[table]), names)
        places[f"{FILES[table]} files"] += len(names)
    return len(rows)


async def _hanging(tx: AsyncConnection, table: Table, ids: Sequence[tuple[Any, ...]]) -> Counter[str]:
    gone: Counter[str] = Counter()
    for child, (name, parent) in CHILDREN.items():
        if parent is table:
            done = await tx.execute(delete(child).where(child.c[name].in_([one[0] for one in ids])))
            gone[child.name] += done.rowcount
    return gone


def _among(keys: Sequence[Any], ids: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    if len(keys) == 1:
        found: ColumnElement[bool] = keys[0].in_([one[0] for one in ids])
        return found
    return tuple_(*keys).in_(ids)


def _drop(folder: Folder, names: Sequence[str]) -> None:
    for name in names:
        try:
            folder.drop(name)
        except BadName:
            continue
