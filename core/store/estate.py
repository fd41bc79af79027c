"""What the service runs on: cluster nodes, licence, DKIM keys, TLS certificates."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import certificates as certificate_table
from core.store.tables import cluster_nodes, licences
from core.store.tables import dkim_keys as dkim_key_table
from core.store.tenancy import OPERATOR
from hub.sql import upsert

__all__ = [
    "Certificate",
    "DkimKey",
    "Licence",
    "Node",
    "add_certificate",
    "add_dkim_key",
    "beat",
    "certificates",
    "dkim_keys",
    "licence",
    "node",
    "nodes",
    "put_licence",
    "remove_certificate",
    "remove_dkim_key",
    "set_present",
]


_CURRENT = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`present` is what the cluster believes, `heartbeat_ms` when the node was last heard."""

    id: str
    address: str
    present: bool
    heartbeat_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    tier: str
    max_domains: int
    valid_until_ms: int
    refreshed_ms: int
    refresh_due_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """`warned` says that its rotation was announced."""

    domain: str
    selector: str
    created_ms: int
    warned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """`warned` says that its end was announced."""

    serial: str
    subject: str
    issuer: str
    not_after_ms: int
    warned: bool = False


async def beat(tx: AsyncConnection, node_id: str, address: str, now_ms: int) -> None:
    """A node was heard; a new one is not present before the detector has seen it."""
    new = upsert.insert(tx, cluster_nodes).values(
        id=node_id, address=address, present=False, started_ms=now_ms, heartbeat_ms=now_ms
    )
    await tx.execute(new.on_conflict_do_update(index_elements=["id"], set_={"heartbeat_ms": now_ms}))


async def set_present(tx: AsyncConnection, node_id: str, *, present: bool) -> None:
    await tx.execute(update(cluster_nodes).where(cluster_nodes.c.id == node_id).values(present=present))


async def nodes(tx: AsyncConnection) -> list[Node]:
    return [_node(row) for row in await tx.execute(select(cluster_nodes).order_by(cluster_nodes.c.id))]


async def node(tx: AsyncConnection, node_id: str) -> Node | None:
    row = (await tx.execute(select(cluster_nodes).where(cluster_nodes.c.id == node_id))).one_or_none()
    return None if row is None else _node(row)


async def licence(tx: AsyncConnection) -> Licence | None:
    row = (await tx.execute(select(licences).where(licences.c.id == _CURRENT))).one_or_none()
    if row is None:
        return None
    return Licence(
        tier=row.tier,
        max_domains=row.max_domains,
        valid_until_ms=row.valid_until_ms,
        refreshed_ms=row.refreshed_ms,
        refresh_due_ms=row.refresh_due_ms,
    )


async def put_licence(tx: AsyncConnection, new: Licence) -> None:
    state = asdict(new)
    row = upsert.insert(tx, licences).values(id=_CURRENT, **state)
    await tx.execute(row.on_conflict_do_update(index_elements=["id"], set_=state))


async def add_dkim_key(tx: AsyncConnection, key: DkimKey, *, tenant: str = OPERATOR) -> None:
    await tx.execute(insert(dkim_key_table).values(tenant=tenant, **asdict(key)))


async def remove_dkim_key(tx: AsyncConnection, key: DkimKey) -> None:
    await tx.execute(delete(dkim_key_table).where(*_is(key)))


async def dkim_keys(tx: AsyncConnection) -> list[DkimKey]:
    table = dkim_key_table.c
    rows = await tx.execute(
        select(table.domain, table.selector, table.created_ms, table.warned)
        .where(table.retired_ms.is_(None))
        .order_by(table.created_ms, table.domain)
    )
    return [DkimKey(**row) for row in rows.mappings()]


async def add_certificate(tx: AsyncConnection, certificate: Certificate, *, tenant: str = OPERATOR) -> None:
    await tx.execute(insert(certificate_table).values(tenant=tenant, **asdict(certificate)))


async def remove_certificate(tx: AsyncConnection, serial: str) -> None:
    await tx.execute(delete(certificate_table).where(certificate_table.c.serial == serial))


async def certificates(tx: AsyncConnection) -> list[Certificate]:
    table = certificate_table.c
    rows = await tx.execute(
        select(table.serial, table.subject, table.issuer, table.not_after_ms, table.warned).order_by(
            table.not_after_ms, table.serial
        )
    )
    return [Certificate(**row) for row in rows.mappings()]


def _is(key: DkimKey) -> tuple[ColumnElement[bool], ...]:
    return dkim_key_table.c.domain == key.domain, dkim_key_table.c.selector == key.selector


def _node(row: Row[Any]) -> Node:
    return Node(id=row.id, address=row.address, present=row.present, heartbeat_ms=row.heartbeat_ms)
